#pragma once

#include "tilewise/layers/pointwise.hpp"

namespace tilewise {

/// dst = 1 / (1 + exp(-src)), element by element: Keras's activation "sigmoid".
class Sigmoid final : public PointwiseLayer {
 public:
  Sigmoid() : PointwiseLayer({.function = simd::Pointwise::sigmoid}) {}

  std::string_view type() const override { return "Sigmoid"; }
  std::string_view name_stem() const override { return "sigmoid"; }
};

}  // namespace tilewise
