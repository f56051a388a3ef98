#include "tilewise/layers/depthwise_conv2d.hpp"

#include <limits>
#include <string>

#include "tilewise/core/error.hpp"
#include "tilewise/layers/bias.hpp"
#include "tilewise/simd/depthwise_conv.hpp"

namespace tilewise {
namespace {

/// Depthwise convolution, bias and, if asked, ReLU in the same pass.
class DepthwiseConv2DStep final : public Step {
 public:
  DepthwiseConv2DStep(const StepContext& context, const simd::ConvShape& shape, std::int64_t multiplier,
                      bool relu)
      : Step(shape.src_size(), shape.dst_size()),
        kernels_(context.kernels),
        conv_(context.kernels, shape, multiplier),
        relu_(relu),
        kernel_(context.parameters[0]),
        bias_(context.parameters.size() > 1 ? &context.parameters[1] : nullptr, shape.oc) {}

  std::int64_t scratch_floats() const override { return conv_.scratch_floats(); }
  // Two loads a multiply-add.
  double nanoseconds() const override { return Step::nanoseconds() + 0.04 * conv_.multiply_adds(); }
  bool backward_reads_dst() const override { return relu_; }
  bool trainable() const override { return true; }

  void forward(const Chunk& chunk, const float* src, float* dst) override {
    const float floor = relu_ ? 0.0F : -std::numeric_limits<float>::infinity();
    for (std::int64_t i = 0; i < chunk.images; ++i) {
      conv_.forward(src + i * src_size(), kernel_.value(), bias_.value(), floor, dst + i * dst_size(),
                    chunk.scratch);
    }
  }

  void begin_gradients(const Chunk& chunk) override {
    kernel_.clear_gradient_slot(chunk.index);
    bias_.clear_gradient_slot(chunk.index);
  }

  void backward(const Chunk& chunk, const float* src, const float* dst, float* d_dst,
                float* d_src) override {
    for (std::int64_t i = 0; i < chunk.images; ++i) {
      float* const d_image = d_dst + i * dst_size();
      if (relu_) kernels_.relu_backward(dst_size(), dst + i * dst_size(), d_image, d_image);
      bias_.add_gradient(kernels_, conv_.dst_pixels(), d_image, chunk.index);
      conv_.backward_weights(src + i * src_size(), d_image, kernel_.gradient_slot(chunk.index),
                             chunk.scratch);
      if (d_src != nullptr) {
        conv_.backward_data(d_image, kernel_.value(), d_src + i * src_size(), chunk.scratch);
      }
    }
  }

  Work forward_work(std::int64_t images) const override {
    Work work = Step::forward_work(images);
    work.flops = 2 * conv_.multiply_adds() * static_cast<double>(images);
    work.bytes += array_bytes(conv_.wei_size());
    return work;
  }
  Work backward_work(std::int64_t images, bool wants_d_src) const override {
    const int products = wants_d_src ? 2 : 1;
    Work work = Step::backward_work(images, wants_d_src);
    work.flops = products * 2 * conv_.multiply_adds() * static_cast<double>(images);
    work.bytes += array_bytes(products * conv_.wei_size());
    return work;
  }
  std::string forward_kernel() const override { return "depthwise"; }
  std::string backward_kernel(bool wants_d_src) const override {
    return wants_d_src ? "depthwise_weights, depthwise" : "depthwise_weights";
  }

 private:
  const simd::KernelTable& kernels_;
  simd::DepthwiseConv conv_;
  bool relu_;
  Parameter& kernel_;
  Bias bias_;
};

}  // namespace

DepthwiseConv2D::DepthwiseConv2D(const DepthwiseConv2DOptions& options) : options_(options) {
  if (options.depth_multiplier < 1 || options.depth_multiplier > INT32_MAX) {
    throw ArgumentError("DepthwiseConv2D: depth_multiplier " + std::to_string(options.depth_multiplier) +
                        " is not from 1 to 2^31 - 1");
  }
}

Conv2D DepthwiseConv2D::dense(const Shape& input) const {
  if (input.rank() != 3 || input.elements() == 0) {
    throw ShapeError("input shape " + input.to_string() + ", expected (height, width, channels)");
  }
  return Conv2D({.filters = checked_product(input[2], options_.depth_multiplier),
                 .kernel_size = options_.kernel_size,
                 .strides = options_.strides,
                 .padding = options_.padding,
                 .dilation_rate = options_.dilation_rate});
}

std::vector<ParameterSpec> DepthwiseConv2D::parameters(const Shape& input) const {
  const Extent2D& k = options_.kernel_size;
  const std::int64_t multiplier = options_.depth_multiplier;
  std::vector<ParameterSpec> specs = {
      {"kernel", {k.height, k.width, input[2], multiplier}, options_.depthwise_initializer}};
  if (options_.use_bias) specs.push_back({"bias", {input[2] * multiplier}, options_.bias_initializer});
  return specs;
}

void DepthwiseConv2D::append_steps(const StepContext& context, Steps& steps) const {
  const simd::ConvShape shape =
      dense(context.input).corner_shape(context.input, context.src, context.dst);
  const bool relu = options_.activation == Activation::relu;
  steps.push_back(std::make_unique<DepthwiseConv2DStep>(context, shape, options_.depth_multiplier, relu));
  if (!relu) append_activation(options_.activation, context.kernels, context.dst, steps);
}

}  // namespace tilewise
