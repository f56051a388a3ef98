#pragma once

#include "tilewise/layers/pointwise.hpp"

namespace tilewise {

/// dst = tanh(src), element by element: Keras's activation "tanh".
class Tanh final : public PointwiseLayer {
 public:
  Tanh() : PointwiseLayer({.function = simd::Pointwise::tanh}) {}

  std::string_view type() const override { return "Tanh"; }
  std::string_view name_stem() const override { return "tanh"; }
};

}  // namespace tilewise
