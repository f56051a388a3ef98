#pragma once

#include <cstdint>

#include "tilewise/layers/check_option.hpp"
#include "tilewise/layers/schedule.hpp"

namespace tilewise {

/// The same learning rate at every step.
class ConstantRate final : public Schedule {
 public:
  /// Throws ArgumentError for a negative rate.
  explicit ConstantRate(double learning_rate) : learning_rate_(learning_rate) {
    check_option(learning_rate >= 0, "ConstantRate", "learning_rate", learning_rate, "at least 0");
  }

  double learning_rate(std::int64_t) const override { return learning_rate_; }

 private:
  double learning_rate_;
};

}  // namespace tilewise
