#include "tilewise/train/dataset.hpp"

#include <cmath>
#include <string>
#include <system_error>

#include "tilewise/core/error.hpp"
#include "tilewise/train/idx.hpp"
#include "tilewise/train/posix_file.hpp"

namespace tilewise {
namespace {

namespace fs = std::filesystem;

constexpr int kMnistClasses = 10;

/// `name` or `name`.gz in `folder`.
fs::path find_file(const fs::path& folder, const std::string& name) {
  for (const fs::path& candidate : {folder / name, folder / (name + ".gz")}) {
    std::error_code error;
    // What exists but cannot be looked at is left to the reader, which will say why.
    if (fs::status(candidate, error).type() != fs::file_type::not_found) return candidate;
  }
  throw_file_error(
      folder, "has no " + name + " or " + name + ".gz; scripts/fetch_data.sh mnist gets MNIST");
}

IdxArray read_ranked(const fs::path& path, int rank, const char* contents) {
  IdxArray array = read_idx(path);
  if (array.shape.rank() != rank) {
    throw_file_error(path, std::to_string(array.shape.rank()) + " dimensions, expected " +
                               std::to_string(rank) + " for " + contents);
  }
  return array;
}

std::vector<std::int32_t> checked_labels(const fs::path& path, const IdxArray& array) {
  std::vector<std::int32_t> labels;
  labels.reserve(static_cast<std::size_t>(array.values.size()));
  for (const std::uint8_t label : array.values.span()) {
    if (label >= kMnistClasses) {
      throw_file_error(path, "label " + std::to_string(labels.size()) + " is " +
                                 std::to_string(label) + ", expected 0 to " +
                                 std::to_string(kMnistClasses - 1));
    }
    labels.push_back(label);
  }
  return labels;
}

}  // namespace

Dataset::Dataset(Shape image_shape, int classes, AlignedBuffer<std::uint8_t> images,
                 std::vector<std::int32_t> labels)
    : image_shape_(image_shape),
      classes_(classes),
      images_(std::move(images)),
      labels_(std::move(labels)) {
  if (image_shape_.rank() != 3 || image_shape_.elements() == 0) {
    throw ShapeError("image shape " + image_shape_.to_string() +
                     ": expected (h, w, c), each at least 1");
  }
  if (labels_.empty()) throw ArgumentError("data set: no samples, expected at least 1");
  if (images_.size() != checked_product(size(), image_shape_.elements())) {
    throw ShapeError("data set: " + std::to_string(images_.size()) + " bytes of images, expected " +
                     std::to_string(size()) + " (the number of labels) x " +
                     image_shape_.to_string());
  }
  for (std::int64_t i = 0; i < size(); ++i) {
    if (label(i) < 0 || label(i) >= classes_) {
      throw ArgumentError("data set: label " + std::to_string(i) + " is " +
                          std::to_string(label(i)) + ", expected 0 to " +
                          std::to_string(classes_ - 1));
    }
  }
}

DatasetView::DatasetView(const Dataset& dataset, std::int64_t first, std::int64_t count)
    : dataset_(&dataset), first_(first), count_(count) {
  if (first < 0 || count < 0 || first > dataset.size() || count > dataset.size() - first) {
    throw ArgumentError("data set view: " + std::to_string(count) + " samples from " +
                        std::to_string(first) + " on, but there are " +
                        std::to_string(dataset.size()));
  }
}

std::pair<DatasetView, DatasetView> split_validation(const Dataset& dataset, double fraction) {
  if (!(fraction >= 0 && fraction < 1)) {
    throw ArgumentError("validation fraction " + std::to_string(fraction) +
                        ": expected at least 0 and less than 1");
  }
  const auto samples = static_cast<double>(dataset.size());
  const auto training = static_cast<std::int64_t>(std::floor(samples * (1.0 - fraction)));
  const std::int64_t validation = dataset.size() - training;
  if (training == 0 || (validation == 0 && fraction > 0)) {
    throw ArgumentError("validation fraction " + std::to_string(fraction) + " of " +
                        std::to_string(dataset.size()) + " samples leaves none for " +
                        (training == 0 ? "training" : "validation"));
  }
  return {DatasetView(dataset, 0, training), DatasetView(dataset, training, validation)};
}

Dataset load_mnist(const fs::path& folder, Split split) {
  const std::string prefix = split == Split::train ? "train" : "t10k";
  const fs::path images_path = find_file(folder, prefix + "-images-idx3-ubyte");
  const fs::path labels_path = find_file(folder, prefix + "-labels-idx1-ubyte");
  IdxArray images = read_ranked(images_path, 3, "images");
  const IdxArray labels = read_ranked(labels_path, 1, "labels");
  if (images.shape[0] != labels.shape[0]) {
    throw_file_error(images_path, std::to_string(images.shape[0]) + " images, but " +
                                      labels_path.string() + " has " +
                                      std::to_string(labels.shape[0]) + " labels");
  }
  return Dataset(Shape{images.shape[1], images.shape[2], 1}, kMnistClasses,
                 std::move(images.values), checked_labels(labels_path, labels));
}

}  // namespace tilewise
