#include "tilewise/layers/max_pool2d.hpp"

#include <string>

#include "tilewise/core/error.hpp"
#include "tilewise/layers/max_pool2d_step.hpp"
#include "tilewise/layers/pool_geometry.hpp"

namespace tilewise {
MaxPool2D::MaxPool2D(const MaxPool2DOptions& options) : options_(options) {}

Window2D MaxPool2D::window(const Shape& input) const {
  return slide_window(input, options_.pool_size, strides(), 1, options_.padding);
}

simd::PoolGeometry MaxPool2D::geometry(const Shape& input) const {
  const Extent2D& size = options_.pool_size;
  const simd::PoolGeometry geometry =
      pool_geometry(input, size, strides(), options_.padding);
  if (size.height * size.width > simd::kMaxPoolTaps) {
    throw ShapeError("a window of " + std::to_string(size.height) + " x " +
                     std::to_string(size.width) + " has more than 2^16 elements");
  }
  return geometry;
}

Shape MaxPool2D::output_shape(const Shape& input) const {
  const simd::PoolGeometry shape = geometry(input);
  return {shape.oh, shape.ow, shape.channels};
}

void MaxPool2D::append_steps(const StepContext& context, Steps& steps) const {
  steps.push_back(std::make_unique<MaxPool2DStep>(
      context.kernels, corner_of(geometry(context.input), context), context.max_batch));
}

}  // namespace tilewise
