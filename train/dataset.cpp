#include "tilewise/train/dataset.hpp"

#include <cmath>
#include <string>
#include <utility>

#include "tilewise/core/error.hpp"
#include "tilewise/layers/check_option.hpp"
#include "tilewise/train/idx_dataset.hpp"

namespace tilewise {

Dataset::Dataset(Shape image_shape, int classes, AlignedBuffer<std::uint8_t> images,
                 std::vector<std::int32_t> labels, std::vector<std::string> class_names)
    : image_shape_(image_shape),
      classes_(classes),
      images_(std::move(images)),
      labels_(std::move(labels)),
      class_names_(std::move(class_names)) {
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
  if (class_names_.empty()) {
    for (int i = 0; i < classes_; ++i) class_names_.push_back(std::to_string(i));
  }
  if (std::cmp_not_equal(class_names_.size(), classes_)) {
    throw ArgumentError("data set: " + std::to_string(class_names_.size()) +
                        " class names, expected " + std::to_string(classes_));
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
    throw ArgumentError("validation fraction " + shortest_text(fraction) +
                        ": expected at least 0 and less than 1");
  }
  const auto samples = static_cast<double>(dataset.size());
  const auto training = static_cast<std::int64_t>(std::floor(samples * (1.0 - fraction)));
  const std::int64_t validation = dataset.size() - training;
  if (training == 0 || (validation == 0 && fraction > 0)) {
    throw ArgumentError("validation fraction " + shortest_text(fraction) + " of " +
                        std::to_string(dataset.size()) + " samples leaves none for " +
                        (training == 0 ? "training" : "validation"));
  }
  return {DatasetView(dataset, 0, training), DatasetView(dataset, training, validation)};
}

Dataset load_mnist(const std::filesystem::path& folder, Split split) {
  constexpr int kClasses = 10;
  return load_idx_dataset(folder, split, kClasses);
}

}  // namespace tilewise
