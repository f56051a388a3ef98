#include "tilewise/layers/conv2d.hpp"

#include <string>

#include "tilewise/core/error.hpp"
#include "tilewise/layers/conv2d_step.hpp"
#include "tilewise/layers/grouped_conv2d_step.hpp"

namespace tilewise {
Conv2D::Conv2D(const Conv2DOptions& options) : options_(options) {
  if (options.filters < 1) {
    throw ArgumentError("Conv2D: filters " + std::to_string(options.filters) + " is less than 1");
  }
  if (options.groups < 1 || options.filters % options.groups != 0) {
    throw ArgumentError("Conv2D: " + std::to_string(options.filters) + " filters are not in " +
                        std::to_string(options.groups) + " equal groups");
  }
}

Window2D Conv2D::window(const Shape& input) const {
  return slide_window(input, options_.kernel_size, options_.strides, options_.dilation_rate,
                      options_.padding);
}

simd::ConvShape Conv2D::conv_shape(const Shape& input) const {
  const auto [rows, columns] = window(input);
  if (input[2] % options_.groups != 0) {
    throw ShapeError("input shape " + input.to_string() + ": its channels are not in " +
                     std::to_string(options_.groups) + " equal groups");
  }
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
  const std::int64_t channels = input[2] / options_.groups;
  std::vector<ParameterSpec> specs = {
      {"kernel", {k.height, k.width, channels, options_.filters}, options_.kernel_initializer}};
  if (options_.use_bias) specs.push_back({"bias", {options_.filters}, options_.bias_initializer});
  return specs;
}

simd::ConvShape Conv2D::corner_shape(const Shape& input, const Shape& src, const Shape& dst) const {
  const auto [rows, columns] = window(input);
  simd::ConvShape shape = conv_shape(input);
  shape.ih = src[0];
  shape.iw = src[1];
  // The padding that ends with the last wanted window; negative when there is more image than that.
  shape.pad_bottom = rows.end_of(dst[0]) - shape.ih;
  shape.pad_right = columns.end_of(dst[1]) - shape.iw;
  return shape;
}

void Conv2D::append_steps(const StepContext& context, Steps& steps) const {
  const simd::ConvShape shape = corner_shape(context.input, context.src, context.dst);
  const bool relu = options_.activation == Activation::relu;
  Parameter& kernel = context.parameters[0];
  Parameter* const bias = options_.use_bias ? &context.parameters[1] : nullptr;
  if (options_.groups == 1) {
    steps.push_back(std::make_unique<Conv2DStep>(context.kernels, shape, context.convolution, kernel, bias,
                                                 relu));
  } else {
    steps.push_back(std::make_unique<GroupedConv2DStep>(context.kernels, shape, context.convolution,
                                                        options_.groups, kernel, bias, relu));
  }
  if (!relu) append_activation(options_.activation, context.kernels, context.dst, steps);
}

}  // namespace tilewise
