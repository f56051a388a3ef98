#pragma once

#include "tilewise/layers/pointwise.hpp"

namespace tilewise {

/// dst = src * sigmoid(src), element by element: Keras's activation "silu", also called "swish". NaN at
/// -infinity, as there. S. Elfwing, E. Uchibe, K. Doya, arXiv:1702.03118, equation 2.
class SiLU final : public PointwiseLayer {
 public:
  SiLU() : PointwiseLayer({.function = simd::Pointwise::silu}) {}

  std::string_view type() const override { return "SiLU"; }
  std::string_view name_stem() const override { return "silu"; }
};

}  // namespace tilewise
