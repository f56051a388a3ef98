#include "tilewise/layers/conv2d.hpp"

#include <string>

#include "tilewise/core/error.hpp"
#include "tilewise/layers/conv2d_step.hpp"

namespace tilewise {
Conv2D::Conv2D(const Conv2DOptions& options) : options_(options) {
  if (options.filters < 1) {
    throw ArgumentError("Conv2D: filters " + std::to_string(options.filters) + " is less than 1");
  }
}

Window2D Conv2D::window(const Shape& input) const {
  return slide_window(input, options_.kernel_size, options_.strides, options_.dilation_rate,
                      options_.padding);
}

simd::ConvShape Conv2D::conv_shape(const Shape& input) const {
  const auto [rows, columns] = window(input);
  const simd::ConvShape shape{.ic = input[2],
                              .ih = input[0],
                              .iw = input[1],
                              .oc = options_.filters,
                              .kh = options_.kernel_size.height,
                              .kw = options_.kernel_size.width,
                              .stride_h = options_.strides.height,
                              .stride_w = options_.strides.width,
                              .pad_top = rows.pad_before,
                              .pad_left = columns.pad_before,
                              .pad_bottom = rows.pad_after,
                              .pad_right = columns.pad_after,
                              .dilation_h = options_.dilation_rate.height,
                              .dilation_w = options_.dilation_rate.width};
  shape.check();
  return shape;
}

Shape Conv2D::output_shape(const Shape& input) const {
  const simd::ConvShape shape = conv_shape(input);
  return {shape.oh(), shape.ow(), shape.oc};
}

std::vector<ParameterSpec> Conv2D::parameters(const Shape& input) const {
  const Extent2D& k = options_.kernel_size;
  std::vector<ParameterSpec> specs = {
      {"kernel", {k.height, k.width, input[2], options_.filters}, options_.kernel_initializer}};
  if (options_.use_bias) specs.push_back({"bias", {options_.filters}, options_.bias_initializer});
  return specs;
}

void Conv2D::append_steps(const StepContext& context, Steps& steps) const {
  const auto [rows, columns] = window(context.input);
  simd::ConvShape shape = conv_shape(context.input);
  shape.ih = context.src[0];
  shape.iw = context.src[1];
  // The padding that ends with the last wanted window; negative when there is more image than that.
  shape.pad_bottom = rows.end_of(context.dst[0]) - shape.ih;
  shape.pad_right = columns.end_of(context.dst[1]) - shape.iw;
  const bool relu = options_.activation == Activation::relu;
  Parameter* const bias = options_.use_bias ? &context.parameters[1] : nullptr;
  steps.push_back(
      std::make_unique<Conv2DStep>(context.kernels, shape, context.parameters[0], bias, relu));
  if (!relu) append_activation(options_.activation, context.kernels, context.dst, steps);
}

}  // namespace tilewise
