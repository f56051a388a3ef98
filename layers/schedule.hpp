#pragma once

#include <cstdint>

namespace tilewise {

/// The learning rate over a training: a pure function of the step, so that a training that resumes goes
/// on with the rate it would have had.
class Schedule {
 public:
  virtual ~Schedule() = default;

  /// Of step `step`, counted from 0 over all epochs.
  virtual double learning_rate(std::int64_t step) const = 0;
};

}  // namespace tilewise
