#pragma once

#include <vector>

#include "tilewise/core/tensor.hpp"
#include "tilewise/layers/optimizer.hpp"

namespace tilewise {

struct SGDOptions {
  double learning_rate = 0.01;
  double momentum = 0;
  bool nesterov = false;
  double weight_decay = 0;  ///< decoupled, as in AdamW: see CommonOptimizerOptions
  ParameterSet decayed = ParameterSet::all;
  Clipping clipping = {};
};

/// Stochastic gradient descent with momentum, in Keras's form, where a new learning rate acts on new
/// gradients only:
///
///   velocity = momentum * velocity - learning_rate * gradient
///   w = w + velocity, or with Nesterov's momentum
///   w = w + momentum * velocity - learning_rate * gradient
///
/// I. Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013,
/// equations 1 to 4, with w for the point that its gradient is taken at.
class SGD final : public Optimizer {
 public:
  /// Throws ArgumentError unless 0 <= momentum < 1, or as Optimizer() does.
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
