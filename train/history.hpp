#pragma once

#include <optional>

namespace tilewise {

/// What one epoch of training came to. The names are Keras's.
struct EpochRecord {
  int epoch = 0;
  double accuracy = 0;  ///< share of the training samples classified right, 0 to 1
  double loss = 0;      ///< mean over the training samples
  std::optional<double> val_accuracy = {};  ///< over the validation samples, if there are any
  std::optional<double> val_loss = {};
  double learning_rate = 0;
  double seconds = 0;            ///< wall-clock time
  double images_per_second = 0;  ///< training samples over the time spent training
};

}  // namespace tilewise
