#pragma once

#include "tilewise/layers/conv2d.hpp"

namespace tilewise {

struct DepthwiseConv2DOptions {
  Extent2D kernel_size = 3;
  Extent2D strides = 1;
  Padding padding = Padding::valid;
  std::int64_t depth_multiplier = 1;  ///< filters of each channel
  Extent2D dilation_rate = 1;
  Activation activation = Activation::linear;
  bool use_bias = true;
  Initializer depthwise_initializer = Initializer::glorot_uniform;
  Initializer bias_initializer = Initializer::zeros;
};

/// Depthwise 2-D convolution, bias and activation: each channel has depth_multiplier filters of its own.
///
///   dst(oh, ow, c * depth_multiplier + m) = activation(bias(c * depth_multiplier + m) + sum over kh, kw of
///       src(oh * stride + kh * dilation - pad, ow * stride + kw * dilation - pad, c) * kernel(kh, kw, c, m))
///
/// (h, w, c) to (oh, ow, c * depth_multiplier). Parameters: kernel (kh, kw, c, depth_multiplier) and, with
/// use_bias, bias (c * depth_multiplier). Meaning and defaults are those of Keras's DepthwiseConv2D, but for
/// the kernel's size, which Keras asks for.
class DepthwiseConv2D final : public Layer {
 public:
  /// Throws ArgumentError when depth_multiplier is not positive.
  explicit DepthwiseConv2D(const DepthwiseConv2DOptions& options = {});

  const DepthwiseConv2DOptions& options() const { return options_; }

  std::string_view type() const override { return "DepthwiseConv2D"; }
  std::string_view name_stem() const override { return "depthwise_conv2d"; }
  Shape output_shape(const Shape& input) const override { return dense(input).output_shape(input); }
  std::vector<ParameterSpec> parameters(const Shape& input) const override;
  double forward_flops(const Shape& input) const override {
    return dense(input).forward_flops(input) / static_cast<double>(input[2]);
  }
  bool makes_corners() const override { return true; }
  Shape read_corner(const Shape& input, const Shape& dst) const override {
    return dense(input).read_corner(input, dst);
  }
  void append_steps(const StepContext& context, Steps& steps) const override;

  /// The convolution of one image of shape `input`, in the kernels' terms; its filters are fewer.
  simd::ConvShape conv_shape(const Shape& input) const { return dense(input).conv_shape(input); }

 private:
  /// A convolution with the same windows and as many outputs.
  Conv2D dense(const Shape& input) const;

  DepthwiseConv2DOptions options_;
};

}  // namespace tilewise
