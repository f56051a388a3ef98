#pragma once

#include <vector>

#include "tilewise/core/tensor.hpp"
#include "tilewise/layers/optimizer.hpp"

namespace tilewise {

struct SGDOptions {
  double learning_rate = 0.01;
  double momentum = 0;
};

/// Stochastic gradient descent with momentum, in Keras's form:
///
///   velocity = momentum * velocity - learning_rate * gradient
///   w = w + velocity
class SGD final : public Optimizer {
 public:
  /// Throws ArgumentError unless 0 <= momentum < 1.
  explicit SGD(const SGDOptions& options = {});

  void update(const simd::KernelTable& kernels, std::size_t parameter, std::int64_t first,
              std::int64_t count, const float* gradient, float* value) override;
  std::vector<StateArray> state() override { return {{"velocity", velocity_}}; }
  std::int64_t state_floats() const override { return 1; }

 private:
  void allocate_state(std::span<const Parameter> parameters) override;
  void compute_factors() override {}

  SGDOptions options_;
  std::vector<Tensor> velocity_;
};

}  // namespace tilewise
