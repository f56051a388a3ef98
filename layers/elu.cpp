#include "tilewise/layers/elu.hpp"

namespace tilewise {

ELU::ELU(const ELUOptions& options)
    : PointwiseLayer({.function = simd::Pointwise::elu, .alpha = static_cast<float>(options.alpha)}),
      options_(options) {
  check_alpha(type(), "alpha", options.alpha);
}

}  // namespace tilewise
