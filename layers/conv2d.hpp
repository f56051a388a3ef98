#pragma once

#include "tilewise/layers/activation.hpp"
#include "tilewise/layers/layer.hpp"
#include "tilewise/layers/window2d.hpp"
#include "tilewise/simd/conv_shape.hpp"

namespace tilewise {

struct Conv2DOptions {
  std::int64_t filters = 0;  ///< output channels
  Extent2D kernel_size = 3;
  Extent2D strides = 1;
  Padding padding = Padding::valid;
  Extent2D dilation_rate = 1;
  std::int64_t groups = 1;  ///< parts of the channels that are convolved each by itself
  Activation activation = Activation::linear;
  bool use_bias = true;
  Initializer kernel_initializer = Initializer::glorot_uniform;
  Initializer bias_initializer = Initializer::zeros;
};

/// 2-D convolution (cross-correlation, as everywhere in deep learning), bias and activation:
///
///   dst(oh, ow, f) = activation(bias(f) + sum over kh, kw, c of
///       src(oh * stride + kh * dilation - pad, ow * stride + kw * dilation - pad, c)
///       * kernel(kh, kw, c, f))
///
/// (h, w, c) to (oh, ow, filters). With groups, channels and filters are in as many equal parts, and filters
/// of part g see channels of part g alone. Parameters: kernel (kh, kw, c / groups, filters) and, with
/// use_bias, bias (filters). Meaning and defaults are those of Keras's Conv2D.
class Conv2D final : public Layer {
 public:
  /// Throws ArgumentError when filters or groups is not positive, or one does not divide the other.
  explicit Conv2D(const Conv2DOptions& options);

  const Conv2DOptions& options() const { return options_; }

  std::string_view type() const override { return "Conv2D"; }
  std::string_view name_stem() const override { return "conv2d"; }
  Shape output_shape(const Shape& input) const override;
  std::vector<ParameterSpec> parameters(const Shape& input) const override;
  double forward_flops(const Shape& input) const override {
    return 2 * conv_shape(input).multiply_adds() / static_cast<double>(options_.groups);
  }
  bool makes_corners() const override { return true; }
  Shape read_corner(const Shape& input, const Shape& dst) const override {
    return window(input).read_corner(input, dst);
  }
  void append_steps(const StepContext& context, Steps& steps) const override;

  /// The convolution of one image of shape `input`, in the kernels' terms; with groups, of all of them.
  simd::ConvShape conv_shape(const Shape& input) const;
  /// The same when `src` is there of the input and `dst` wanted of the output, all or a corner.
  simd::ConvShape corner_shape(const Shape& input, const Shape& src, const Shape& dst) const;

 private:
  Window2D window(const Shape& input) const;

  Conv2DOptions options_;
};

}  // namespace tilewise
