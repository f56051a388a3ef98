#include "tilewise/layers/conv2d.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "tilewise/core/error.hpp"
#include "tilewise/simd/conv_backward_data.hpp"
#include "tilewise/simd/conv_backward_weights.hpp"
#include "tilewise/simd/conv_forward.hpp"

namespace tilewise {
namespace {

/// Convolution, bias and, if asked, ReLU in the same pass.
class Conv2DStep final : public Step {
 public:
  Conv2DStep(const StepContext& context, const simd::ConvShape& shape, bool relu)
      : Step(shape.src_size(), shape.dst_size()),
        kernels_(context.kernels),
        shape_(shape),
        relu_(relu),
        forward_(context.kernels, shape),
        backward_data_(context.kernels, shape),
        backward_weights_(context.kernels, shape),
        kernel_(context.parameters[0]),
        bias_(context.parameters[1]),
        packed_forward_(forward_.packed_floats()),
        packed_backward_(backward_data_.packed_floats()) {}

  std::int64_t scratch_floats() const override {
    return std::max({forward_.scratch_floats(), backward_data_.scratch_floats(),
                     backward_weights_.scratch_floats()});
  }

  double nanoseconds() const override { return Step::nanoseconds() + 0.02 * shape_.multiply_adds(); }

  bool backward_reads_dst() const override { return relu_; }
  bool hand_over_relu() override { return std::exchange(relu_, false); }

  void prepare(bool training) override {
    forward_.pack(kernel_.value(), packed_forward_.data());
    if (training) backward_data_.pack(kernel_.value(), packed_backward_.data());
  }

  void forward(const Chunk& chunk, const float* src, float* dst) override {
    const float floor = relu_ ? 0.0F : -std::numeric_limits<float>::infinity();
    for (std::int64_t i = 0; i < chunk.images; ++i) {
      forward_.image(src + i * src_size(), packed_forward_.data(), bias_.value(), floor,
                     dst + i * dst_size(), chunk.scratch);
    }
  }

  void backward(const Chunk& chunk, const float* src, const float* dst, float* d_dst,
                float* d_src) override {
    float* d_kernel = kernel_.gradient_slot(chunk.index);
    float* d_bias = bias_.gradient_slot(chunk.index);
    std::fill_n(d_kernel, kernel_.size(), 0.0F);
    std::fill_n(d_bias, bias_.size(), 0.0F);
    // Image by image, so that each is still in L1 or L2 from one kernel to the next.
    for (std::int64_t i = 0; i < chunk.images; ++i) {
      float* d_image = d_dst + i * dst_size();
      if (relu_) kernels_.relu_backward(dst_size(), dst + i * dst_size(), d_image, d_image);
      kernels_.bias_gradient(shape_.oh() * shape_.ow(), shape_.oc, d_image, d_bias);
      backward_weights_.image(src + i * src_size(), d_image, d_kernel, chunk.scratch);
      if (d_src != nullptr) {
        backward_data_.image(d_image, packed_backward_.data(), d_src + i * src_size(), chunk.scratch);
      }
    }
  }

  Work forward_work(std::int64_t images) const override {
    Work work = Step::forward_work(images);
    work.flops = flops(images);
    work.bytes += array_bytes(shape_.wei_size());
    return work;
  }
  Work backward_work(std::int64_t images, bool wants_d_src) const override {
    Work work = Step::backward_work(images, wants_d_src);
    work.flops = flops(images) * (wants_d_src ? 2 : 1);
    work.bytes += array_bytes(shape_.wei_size() * (wants_d_src ? 2 : 1));
    return work;
  }
  std::string forward_kernel() const override { return "tile " + forward_.tile().to_string(); }
  std::string backward_kernel(bool wants_d_src) const override {
    std::string text = "weights " + backward_weights_.tile().to_string();
    if (!wants_d_src) return text;
    return text + ", data " + backward_data_.tile().to_string() +
           (backward_data_.spreads() ? " spread" : "");
  }

 private:
  double flops(std::int64_t images) const {
    return 2 * shape_.multiply_adds() * static_cast<double>(images);
  }

  const simd::KernelTable& kernels_;
  simd::ConvShape shape_;
  bool relu_;
  simd::ConvForward forward_;
  simd::ConvBackwardData backward_data_;
  simd::ConvBackwardWeights backward_weights_;
  Parameter& kernel_;
  Parameter& bias_;
  AlignedBuffer<float> packed_forward_;
  AlignedBuffer<float> packed_backward_;
};

}  // namespace

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
  return {{"kernel", {k.height, k.width, input[2], options_.filters}, Initializer::glorot_uniform},
          {"bias", {options_.filters}, Initializer::zeros}};
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
  steps.push_back(std::make_unique<Conv2DStep>(context, shape, relu));
  if (!relu) append_activation(options_.activation, context.kernels, context.dst, steps);
}

}  // namespace tilewise
