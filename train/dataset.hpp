#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tilewise/core/aligned_buffer.hpp"
#include "tilewise/core/shape.hpp"

namespace tilewise {

/// Labelled images of one shape, in memory as bytes; at least one.
class Dataset {
 public:
  /// `image_shape` is (h, w, c); `images` holds one image after the other, each row-major; labels
  /// are class numbers, 0 to classes - 1; `class_names` has a name for each, by default "0", "1", ...
  /// Throws ShapeError when `image_shape` is not three positive extents or does not fit `images`
  /// and `labels`, ArgumentError when there is no image, a label is out of range, or there is another
  /// number of names than of classes.
  Dataset(Shape image_shape, int classes, AlignedBuffer<std::uint8_t> images,
          std::vector<std::int32_t> labels, std::vector<std::string> class_names = {});

  const Shape& image_shape() const { return image_shape_; }
  int classes() const { return classes_; }
  std::span<const std::string> class_names() const { return class_names_; }
  /// Number of images.
  std::int64_t size() const { return static_cast<std::int64_t>(labels_.size()); }

  /// Image i in [0, size()): image_shape().elements() bytes, row-major (h, w, c).
  const std::uint8_t* image(std::int64_t i) const {
    return images_.data() + i * image_shape_.elements();
  }
  std::int32_t label(std::int64_t i) const { return labels_[static_cast<std::size_t>(i)]; }

 private:
  Shape image_shape_;
  int classes_;
  AlignedBuffer<std::uint8_t> images_;
  std::vector<std::int32_t> labels_;
  std::vector<std::string> class_names_;
};

/// Consecutive samples of a data set, perhaps none. Not owned: the data set has to outlive this.
class DatasetView {
 public:
  /// All samples.
  DatasetView(const Dataset& dataset)  // NOLINT: implicit, a data set is a view of itself
      : DatasetView(dataset, 0, dataset.size()) {}
  DatasetView(const Dataset&&) = delete;

  /// Samples first .. first + count - 1. Throws ArgumentError when they are not all in `dataset`.
  DatasetView(const Dataset& dataset, std::int64_t first, std::int64_t count);
  DatasetView(const Dataset&&, std::int64_t, std::int64_t) = delete;

  const Shape& image_shape() const { return dataset_->image_shape(); }
  int classes() const { return dataset_->classes(); }
  std::span<const std::string> class_names() const { return dataset_->class_names(); }
  std::int64_t size() const { return count_; }

  /// As of Dataset, with i in [0, size()) counted from the view's first sample.
  const std::uint8_t* image(std::int64_t i) const { return dataset_->image(first_ + i); }
  std::int32_t label(std::int64_t i) const { return dataset_->label(first_ + i); }

 private:
  const Dataset* dataset_;
  std::int64_t first_;
  std::int64_t count_;
};

/// Splits off the last samples for validation, in the order of the data set, as Keras's
/// `validation_split` does: the first floor(n (1 - fraction)) are for training, evaluated in double
/// (keras/src/trainers/data_adapters/array_slicing.py, train_validation_split).
/// Throws ArgumentError when `fraction` is not in [0, 1), or leaves nothing to train on or (when
/// not 0) to validate on.
std::pair<DatasetView, DatasetView> split_validation(const Dataset& dataset, double fraction);
std::pair<DatasetView, DatasetView> split_validation(const Dataset&&, double) = delete;

enum class Split { train, test };

/// Reads MNIST, or a data set with the same file names and number of classes such as Fashion-MNIST:
/// load_idx_dataset (idx_dataset.hpp), where labels from 10 on are refused, too.
Dataset load_mnist(const std::filesystem::path& folder, Split split);

}  // namespace tilewise
