#include "tilewise/layers/max_pool2d.hpp"

#include <string>

#include "tilewise/core/error.hpp"

namespace tilewise {
namespace {

/// Max-pooling and, if the step before left it to this one, ReLU.
class MaxPool2DStep final : public Step {
 public:
  MaxPool2DStep(const StepContext& context, const simd::MaxPoolGeometry& geometry, bool relu)
      : Step(geometry.ih * geometry.iw * geometry.channels,
             geometry.oh * geometry.ow * geometry.channels),
        kernels_(context.kernels),
        geometry_(geometry),
        relu_(relu),
        argmax_(checked_product(context.max_batch, dst_size())) {}

  bool backward_reads_src() const override { return false; }
  bool backward_reads_dst() const override { return relu_; }

  void forward(const Chunk& chunk, const float* src, float* dst) override {
    for (std::int64_t i = 0; i < chunk.images; ++i) {
      float* image = dst + i * dst_size();
      kernels_.max_pool_forward(geometry_, src + i * src_size(), image, argmax(chunk, i));
      if (relu_) kernels_.relu_forward(dst_size(), image, image);
    }
  }

  void backward(const Chunk& chunk, const float*, const float* dst, float* d_dst,
                float* d_src) override {
    if (d_src == nullptr) return;
    for (std::int64_t i = 0; i < chunk.images; ++i) {
      float* d_image = d_dst + i * dst_size();
      if (relu_) kernels_.relu_backward(dst_size(), dst + i * dst_size(), d_image, d_image);
      kernels_.max_pool_backward(geometry_, d_image, argmax(chunk, i), d_src + i * src_size());
    }
  }

  Work forward_work(std::int64_t images) const override {
    Work work = Step::forward_work(images);
    work.bytes += argmax_bytes(images);
    return work;
  }
  Work backward_work(std::int64_t images, bool wants_d_src) const override {
    Work work = Step::backward_work(images, wants_d_src);
    work.bytes += argmax_bytes(images);
    return work;
  }
  std::string forward_kernel() const override {
    return relu_ ? "max_pool_forward, ReLU" : "max_pool_forward";
  }
  std::string backward_kernel(bool) const override {
    return relu_ ? "max_pool_backward, ReLU" : "max_pool_backward";
  }

 private:
  std::int32_t* argmax(const Chunk& chunk, std::int64_t image) {
    return argmax_.data() + (chunk.first + image) * dst_size();
  }

  double argmax_bytes(std::int64_t images) const {
    return static_cast<double>(images * dst_size()) * static_cast<double>(sizeof(std::int32_t));
  }

  const simd::KernelTable& kernels_;
  simd::MaxPoolGeometry geometry_;
  bool relu_;
  AlignedBuffer<std::int32_t> argmax_;
};

}  // namespace

MaxPool2D::MaxPool2D(const MaxPool2DOptions& options) : options_(options) {}

Window2D MaxPool2D::window(const Shape& input) const {
  return slide_window(input, options_.pool_size, strides(), 1, options_.padding);
}

simd::MaxPoolGeometry MaxPool2D::geometry(const Shape& input) const {
  const auto [rows, columns] = window(input);
  const Extent2D& size = options_.pool_size;
  // The kernels count taps in floats.
  if (size.height * size.width > (std::int64_t{1} << 24)) {
    throw ShapeError("a window of " + std::to_string(size.height) + " x " +
                     std::to_string(size.width) + " has more than 2^24 elements");
  }
  return {.ih = input[0],
          .iw = input[1],
          .oh = rows.output,
          .ow = columns.output,
          .channels = input[2],
          .kh = size.height,
          .kw = size.width,
          .stride_h = strides().height,
          .stride_w = strides().width,
          .pad_top = rows.pad_before,
          .pad_left = columns.pad_before};
}

Shape MaxPool2D::output_shape(const Shape& input) const {
  const simd::MaxPoolGeometry shape = geometry(input);
  return {shape.oh, shape.ow, shape.channels};
}

void MaxPool2D::append_steps(const StepContext& context, Steps& steps) const {
  const bool relu = !steps.empty() && steps.back()->hand_over_relu();
  simd::MaxPoolGeometry corner = geometry(context.input);
  corner.ih = context.src[0];
  corner.iw = context.src[1];
  corner.oh = context.dst[0];
  corner.ow = context.dst[1];
  steps.push_back(std::make_unique<MaxPool2DStep>(context, corner, relu));
}

}  // namespace tilewise
