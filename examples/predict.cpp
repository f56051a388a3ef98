// Usage: predict WEIGHTS [PICTURE.png | DATA_FOLDER [INDEX]]
//
// Prints the three classes that the network in WEIGHTS, for instance run/model.safetensors, finds most
// probable for a picture of a digit, or for a test image of the data set in DATA_FOLDER. Without either it
// draws a bar of class 3 into bar.png and takes that.

#include <tilewise/core/error.hpp>
#include <tilewise/core/parallel.hpp>
#include <tilewise/core/thread_count.hpp>
#include <tilewise/train/digit_image.hpp>
#include <tilewise/train/image_file.hpp>
#include <tilewise/train/load_dataset.hpp>
#include <tilewise/train/predict.hpp>
#include <tilewise/train/weights_file.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <numeric>
#include <string>

#include "bars.hpp"

using namespace tilewise;

namespace {

/// A picture, of a pen on paper for instance, as the network wants it: as a data set of one image, whose
/// label means nothing.
Dataset read_picture(const std::string& path, int classes) {
  Image image = digit_image(read_image(path));
  return Dataset(image.shape, classes, std::move(image.bytes), {0});
}

std::string draw_bar() {
  const Dataset drawn = bars(4, 3);
  const Shape& shape = drawn.image_shape();
  write_png("bar.png", shape[0], shape[1], shape[2],
            {drawn.image(3), static_cast<std::size_t>(shape.elements())});
  return "bar.png";
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) throw ArgumentError("which weights? For instance run/model.safetensors");
  const std::string weights = argv[1];
  const std::string source = argc > 2 ? argv[2] : draw_bar();

  // The file says which network it is, unless a layer of one's own is in it.
  const SafetensorsFile file = read_safetensors(weights);
  const auto network = saved_network(weights, file);
  if (!network) throw FileError(weights + ": does not say what network it is of");
  Executor executor(thread_count().count);
  Model model(*network, executor, {.max_batch = 1});
  load_weights(weights, file, model);

  const bool is_folder = std::filesystem::is_directory(source);
  const Dataset data = is_folder ? load_dataset(source, Split::test)
                                 : read_picture(source, static_cast<int>(model.classes()));
  const DatasetView image(data, argc > 3 ? std::atoll(argv[3]) : 0, 1);
  const Tensor probabilities = predict(model, image);

  std::vector<std::int64_t> order(static_cast<std::size_t>(probabilities.size()));
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater(), [&](std::int64_t k) { return probabilities[k]; });
  if (is_folder) std::printf("it is a %s\n", data.class_names()[static_cast<std::size_t>(image.label(0))].c_str());
  for (std::size_t rank = 0; rank < std::min<std::size_t>(3, order.size()); ++rank) {
    const std::int64_t k = order[rank];
    std::printf("%zu. class %lld %5.1f%%\n", rank + 1, static_cast<long long>(k), 100 * probabilities[k]);
  }
} catch (const std::exception& error) {
  std::fprintf(stderr, "predict: %s\n", error.what());
  return 1;
}
