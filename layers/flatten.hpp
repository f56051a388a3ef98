#pragma once

#include "tilewise/layers/layer.hpp"

namespace tilewise {

/// (h, w, c) or any other shape to (h * w * c), in memory order. Costs nothing.
class Flatten final : public Layer {
 public:
  std::string_view type() const override { return "Flatten"; }
  std::string_view name_stem() const override { return "flatten"; }
  Shape output_shape(const Shape& input) const override { return Shape{input.elements()}; }
  void append_steps(const StepContext& context, Steps& steps) const override;
};

}  // namespace tilewise
