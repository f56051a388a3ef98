#pragma once

#include "tilewise/layers/layer.hpp"

namespace tilewise {

struct BatchNormalizationOptions {
  double momentum = 0.99;  ///< of the moving statistics
  double epsilon = 1e-3;
  bool center = true;  ///< whether there is a beta, or it is 0
  bool scale = true;   ///< whether there is a gamma, or it is 1
};

/// Normalises each channel over the batch and all pixels of it. Training, with the mean and the biased
/// variance of channel c in this batch:
///
///   dst(.., c) = gamma(c) (src(.., c) - mean(c)) / sqrt(variance(c) + epsilon) + beta(c)
///   moving_mean(c) = momentum moving_mean(c) + (1 - momentum) mean(c)
///   moving_variance(c) = momentum moving_variance(c) + (1 - momentum) variance(c)
///
/// Otherwise the moving statistics take the place of the batch's. (..., channels) to the same shape.
/// Parameters (channels): gamma, ones; beta, zeros; and moving_mean, zeros, and moving_variance, ones, which
/// are not trained. Meaning and defaults are those of Keras's BatchNormalization on the last axis.
///
/// S. Ioffe, C. Szegedy, "Batch normalization: accelerating deep network training by reducing internal
/// covariate shift", arXiv:1502.03167, algorithm 1; gradients as they follow it in section 3.
class BatchNormalization final : public Layer {
 public:
  /// Throws ArgumentError unless 0 <= momentum <= 1 and epsilon > 0.
  explicit BatchNormalization(const BatchNormalizationOptions& options = {});

  const BatchNormalizationOptions& options() const { return options_; }

  std::string_view type() const override { return "BatchNormalization"; }
  std::string_view name_stem() const override { return "batch_normalization"; }
  Shape output_shape(const Shape& input) const override;
  std::vector<ParameterSpec> parameters(const Shape& input) const override;
  void append_steps(const StepContext& context, Steps& steps) const override;

 private:
  BatchNormalizationOptions options_;
};

}  // namespace tilewise
