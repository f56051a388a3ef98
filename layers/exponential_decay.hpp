#pragma once

#include <cstdint>

#include "tilewise/layers/schedule.hpp"

namespace tilewise {

struct ExponentialDecayOptions {
  double initial_learning_rate = 0;
  std::int64_t decay_steps = 0;
  double decay_rate = 0;
  bool staircase = false;
};

/// The learning rate falls by the factor decay_rate every decay_steps steps, gradually, or at once if
/// `staircase`:
///
///   initial_learning_rate * decay_rate^p, p = step / decay_steps, rounded down for a staircase
///
/// Keras's ExponentialDecay.
class ExponentialDecay final : public Schedule {
 public:
  /// Throws ArgumentError for a negative rate, a decay_rate that is not positive, or decay_steps below 1.
  explicit ExponentialDecay(const ExponentialDecayOptions& options);

  double learning_rate(std::int64_t step) const override;

 private:
  ExponentialDecayOptions options_;
};

}  // namespace tilewise
