#include "tilewise/layers/global_average_pooling2d.hpp"

#include "tilewise/core/error.hpp"
#include "tilewise/layers/average_pool_step.hpp"
#include "tilewise/layers/pool_geometry.hpp"

namespace tilewise {

simd::PoolGeometry GlobalAveragePooling2D::geometry(const Shape& input) {
  check_image(input);
  const Extent2D all(input[0], input[1]);
  return pool_geometry(input, all, all, Padding::valid);
}

Shape GlobalAveragePooling2D::output_shape(const Shape& input) const {
  return {geometry(input).channels};
}

void GlobalAveragePooling2D::append_steps(const StepContext& context, Steps& steps) const {
  steps.push_back(std::make_unique<AveragePoolStep>(context.kernels, geometry(context.input)));
}

}  // namespace tilewise
