#pragma once

#include <vector>

#include "tilewise/core/tensor.hpp"
#include "tilewise/layers/optimizer.hpp"

namespace tilewise {

struct RMSpropOptions {
  double learning_rate = 0.001;
  double rho = 0.9;
  double momentum = 0;
  double epsilon = 1e-7;
  bool centered = false;
  double weight_decay = 0;  ///< decoupled, as in AdamW: see CommonOptimizerOptions
  ParameterSet decayed = ParameterSet::all;
  Clipping clipping = {};
};

/// RMSprop, in Keras's form, with the epsilon under the root. With gradient g:
///
///   velocity = rho velocity + (1 - rho) g^2
///   average_gradient = rho average_gradient + (1 - rho) g, if centered; 0 if not
///   momentum = options.momentum * momentum
///            + learning_rate g / sqrt(velocity - average_gradient^2 + epsilon)
///   w = w - momentum
///
/// The difference under the root counts as 0 where rounding makes it negative. G. Hinton, "Neural
/// networks for machine learning", lecture 6e, 2012; centered: A. Graves, "Generating sequences with
/// recurrent neural networks", arXiv:1308.0850, equations 38 to 41.
class RMSprop final : public Optimizer {
 public:
  /// Throws ArgumentError unless 0 <= rho < 1, 0 <= momentum < 1 and epsilon > 0, as floats, or as Optimizer() does.
  explicit RMSprop(const RMSpropOptions& options = {});

  void update(const simd::KernelTable& kernels, std::size_t parameter, std::int64_t first,
              std::int64_t count, const float* gradient, float* value) override;
  /// "velocity", and where the options ask for them "average_gradient" and "momentum".
  std::vector<StateArray> state() override;
  std::int64_t state_floats() const override;

 private:
  void allocate_state(std::span<const Parameter> parameters) override;
  void compute_factors() override;
  bool has_momentum() const { return options_.momentum > 0; }

  RMSpropOptions options_;
  simd::RmspropArgs factors_;
  std::vector<Tensor> velocity_, average_gradient_, momentum_;
};

}  // namespace tilewise
