#pragma once

#include <cstdint>

#include "tilewise/layers/schedule.hpp"

namespace tilewise {

struct StepDecayOptions {
  double initial_learning_rate = 0;
  std::int64_t decay_steps = 0;  ///< between two drops: epochs times the steps of one
  double gamma = 0.1;
};

/// The learning rate drops by a factor every so many steps:
///
///   initial_learning_rate * gamma^floor(step / decay_steps)
///
/// PyTorch's StepLR, whose step_size counts epochs.
class StepDecay final : public Schedule {
 public:
  /// Throws ArgumentError for a negative rate or gamma, or decay_steps below 1.
  explicit StepDecay(const StepDecayOptions& options);

  double learning_rate(std::int64_t step) const override;

 private:
  StepDecayOptions options_;
};

}  // namespace tilewise
