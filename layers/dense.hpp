#pragma once

#include "tilewise/layers/activation.hpp"
#include "tilewise/layers/layer.hpp"

namespace tilewise {

struct DenseOptions {
  std::int64_t units = 0;
  Activation activation = Activation::linear;
  bool use_bias = true;
  Initializer kernel_initializer = Initializer::glorot_uniform;
  Initializer bias_initializer = Initializer::zeros;
};

/// dst = activation(src * kernel + bias) over the last axis: (..., features) to (..., units).
/// Parameters: kernel (features, units) and, with use_bias, bias (units). Meaning and defaults are
/// those of Keras's Dense.
class Dense final : public Layer {
 public:
  /// Throws ArgumentError when units is not positive.
  explicit Dense(const DenseOptions& options);

  const DenseOptions& options() const { return options_; }

  std::string_view type() const override { return "Dense"; }
  std::string_view name_stem() const override { return "dense"; }
  Shape output_shape(const Shape& input) const override;
  std::vector<ParameterSpec> parameters(const Shape& input) const override;
  double forward_flops(const Shape& input) const override {
    return 2.0 * static_cast<double>(input.elements()) * static_cast<double>(options_.units);
  }
  void append_steps(const StepContext& context, Steps& steps) const override;

 private:
  DenseOptions options_;
};

}  // namespace tilewise
