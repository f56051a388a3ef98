#include "tilewise/train/load_dataset.hpp"

#include <system_error>

#include "tilewise/train/cifar10.hpp"
#include "tilewise/train/fetch_hint.hpp"
#include "tilewise/train/idx_dataset.hpp"
#include "tilewise/train/posix_file.hpp"

namespace tilewise {

Dataset load_dataset(const std::filesystem::path& folder, Split split, const LoadOptions& options) {
  if (has_idx_dataset(folder)) return load_idx_dataset(folder, split);
  if (has_cifar10(folder)) return load_cifar10(folder, split);
  if (has_image_folder(folder)) return load_image_folder(folder, split, options.image_folder);
  std::error_code error;
  const auto type = std::filesystem::status(folder, error).type();
  if (type != std::filesystem::file_type::directory) {
    throw_file_error(folder, type == std::filesystem::file_type::not_found
                                 ? "no such folder, expected a data set; " + fetch_hint(folder)
                                 : "is not a folder, expected one with a data set");
  }
  throw_file_error(folder,
                   "no data set found: looked for train-images-idx3-ubyte (MNIST's format, or .gz), "
                   "data_batch_1.bin (CIFAR-10), train/<class>/*.png and <class>/*.png; " +
                       fetch_hint(folder));
}

}  // namespace tilewise
