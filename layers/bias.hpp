#pragma once

#include <cstdint>

#include "tilewise/layers/parameter.hpp"

namespace tilewise {

/// The bias that a step adds to its channels: a parameter, or zeros that are none.
class Bias {
 public:
  /// `parameter` has `channels` elements, or is null.
  Bias(Parameter* parameter, std::int64_t channels)
      : parameter_(parameter), zeros_(parameter == nullptr ? channels : 0) {}

  /// Null where it is not a parameter.
  Parameter* parameter() const { return parameter_; }
  const float* value() const { return parameter_ != nullptr ? parameter_->value() : zeros_.data(); }

  void clear_gradient_slot(std::int64_t slot) {
    if (parameter_ != nullptr) parameter_->clear_gradient_slot(slot);
  }
  /// Adds the sum of the rows of d_dst, (rows, channels).
  void add_gradient(const simd::KernelTable& kernels, std::int64_t rows, const float* d_dst,
                    std::int64_t slot) {
    if (parameter_ == nullptr) return;
    kernels.bias_gradient(rows, parameter_->size(), d_dst, parameter_->gradient_slot(slot));
  }

 private:
  Parameter* parameter_;
  AlignedBuffer<float> zeros_;
};

}  // namespace tilewise
