#pragma once

#include <cstdint>
#include <optional>

#include "apps/options.hpp"
#include "tilewise/train/dataset.hpp"

namespace tilewise::app {

/// The images of a training run: what it trains on, what it validates on after each epoch, and what it is tested on
/// at the end.
class TrainingData {
 public:
  /// Throws FileError, and ArgumentError when the split leaves nothing to train on or the test images are not of the
  /// training images' kind.
  TrainingData(const DataOptions& options, double validation_split);
  TrainingData(const TrainingData&) = delete;
  TrainingData& operator=(const TrainingData&) = delete;

  /// Leaves one batch at most of each.
  void keep_one_batch(std::int64_t batch_size);

  /// All training images, those for validation, too.
  const Dataset& images() const { return images_; }
  const DatasetView& training() const { return training_; }
  const std::optional<DatasetView>& validation() const { return validation_; }
  const DatasetView& test() const { return test_; }

 private:
  Dataset images_;
  Dataset test_images_;
  DatasetView training_ = images_;
  std::optional<DatasetView> validation_;
  DatasetView test_ = test_images_;
};

}  // namespace tilewise::app
