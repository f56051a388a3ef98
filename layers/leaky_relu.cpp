#include "tilewise/layers/leaky_relu.hpp"

namespace tilewise {

LeakyReLU::LeakyReLU(const LeakyReLUOptions& options)
    : PointwiseLayer({.function = simd::Pointwise::leaky_relu,
                      .alpha = static_cast<float>(options.negative_slope)}),
      options_(options) {
  check_alpha(type(), "negative_slope", options.negative_slope);
}

}  // namespace tilewise
