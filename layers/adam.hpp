#pragma once

#include <vector>

#include "tilewise/core/tensor.hpp"
#include "tilewise/layers/optimizer.hpp"

namespace tilewise {

struct AdamOptions {
  double learning_rate = 0.001;
  double beta_1 = 0.9;
  double beta_2 = 0.999;
  double epsilon = 1e-7;
  double weight_decay = 0;  ///< decoupled, as in AdamW: see CommonOptimizerOptions
  ParameterSet decayed = ParameterSet::all;
  Clipping clipping = {};
};

/// Adam, in Keras's form. At step t, with gradient g:
///
///   m = beta_1 m + (1 - beta_1) g
///   v = beta_2 v + (1 - beta_2) g^2
///   w = w - learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon)
///
/// D. Kingma, J. Ba, "Adam: a method for stochastic optimization", arXiv:1412.6980, algorithm 1 in
/// the reordered form at the end of section 2 (its epsilon is the paper's epsilon-hat).
class Adam : public Optimizer {
 public:
  /// Throws ArgumentError unless 0 <= beta < 1 and epsilon > 0, as floats, or as Optimizer() does.
  explicit Adam(const AdamOptions& options = {});

  void update(const simd::KernelTable& kernels, std::size_t parameter, std::int64_t first,
              std::int64_t count, const float* gradient, float* value) override;
  std::vector<StateArray> state() override { return {{"m", m_}, {"v", v_}}; }
  std::int64_t state_floats() const override { return 2; }

 private:
  void allocate_state(std::span<const Parameter> parameters) override;
  void compute_factors() override;

  AdamOptions options_;
  simd::AdamArgs factors_;
  std::vector<Tensor> m_, v_;
};

}  // namespace tilewise
