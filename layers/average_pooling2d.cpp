#include "tilewise/layers/average_pooling2d.hpp"

#include "tilewise/layers/average_pool_step.hpp"
#include "tilewise/layers/pool_geometry.hpp"

namespace tilewise {

simd::PoolGeometry AveragePooling2D::geometry(const Shape& input) const {
  return pool_geometry(input, options_.pool_size, strides(), options_.padding);
}

Shape AveragePooling2D::output_shape(const Shape& input) const {
  const simd::PoolGeometry shape = geometry(input);
  return {shape.oh, shape.ow, shape.channels};
}

Shape AveragePooling2D::read_corner(const Shape& input, const Shape& dst) const {
  return slide_window(input, options_.pool_size, strides(), 1, options_.padding)
      .read_corner(input, dst);
}

void AveragePooling2D::append_steps(const StepContext& context, Steps& steps) const {
  steps.push_back(std::make_unique<AveragePoolStep>(context.kernels,
                                                    corner_of(geometry(context.input), context)));
}

}  // namespace tilewise
