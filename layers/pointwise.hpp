#pragma once

#include "tilewise/layers/layer.hpp"

namespace tilewise {

/// What layers have in common that apply a function to each element: dst = f(src), any shape.
class PointwiseLayer : public Layer {
 public:
  Shape output_shape(const Shape& input) const final { return input; }
  void append_steps(const StepContext& context, Steps& steps) const final;

 protected:
  explicit PointwiseLayer(const simd::PointwiseArgs& function) : function_(function) {}

 private:
  simd::PointwiseArgs function_;
};

/// Throws ArgumentError, naming `layer` and `option`, unless 0 <= value < infinity.
void check_alpha(std::string_view layer, std::string_view option, double value);

/// The step behind these layers and the activations of the same names, for `size` values an image.
std::unique_ptr<Step> make_pointwise_step(const simd::KernelTable& kernels,
                                          const simd::PointwiseArgs& function, std::int64_t size);

}  // namespace tilewise
