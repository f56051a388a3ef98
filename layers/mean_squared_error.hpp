#pragma once

#include "tilewise/layers/loss.hpp"

namespace tilewise {

/// The mean over a network's outputs, and over the batch, of their squared distance from y =
/// onehot(label) or from targets:
///
///   loss = 1 / outputs * sum over outputs of (output - y)^2
///   d_output = 2 / outputs * (output - y), over the number of rows
///
/// Keras's MeanSquaredError. A softmax at the network's end is a layer like any other.
class MeanSquaredError final : public Loss {
 public:
  std::string_view name() const override { return "mean_squared_error"; }
  std::string_view kernel() const override { return "mean_squared_error"; }

 private:
  double nanoseconds_per_output() const override { return 1; }
  void evaluate_rows(const simd::KernelTable& kernels, const simd::LossArgs& args) const override {
    kernels.mean_squared_error(args);
  }
};

}  // namespace tilewise
