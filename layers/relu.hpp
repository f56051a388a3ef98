#pragma once

#include "tilewise/layers/layer.hpp"

namespace tilewise {

/// dst = max(0, src), element by element; any shape.
class ReLU final : public Layer {
 public:
  std::string_view type() const override { return "ReLU"; }
  std::string_view name_stem() const override { return "re_lu"; }
  Shape output_shape(const Shape& input) const override { return input; }
  void append_steps(const StepContext& context, Steps& steps) const override;
};

/// The step behind ReLU and Activation::relu, for `size` values an image.
std::unique_ptr<Step> make_relu_step(const simd::KernelTable& kernels, std::int64_t size);

}  // namespace tilewise
