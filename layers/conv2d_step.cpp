#include "tilewise/layers/conv2d_step.hpp"

#include <algorithm>
#include <limits>

namespace tilewise {

Conv2DStep::Conv2DStep(const simd::KernelTable& kernels, const simd::ConvShape& shape,
                       simd::ConvAlgorithm algorithm, Parameter& kernel, Parameter* bias, bool relu)
    : Step(shape.src_size(), shape.dst_size()),
      kernels_(kernels),
      shape_(shape),
      algorithm_(algorithm),
      relu_(relu),
      forward_(kernels, shape, algorithm),
      backward_data_(kernels, shape, algorithm),
      backward_weights_(kernels, shape, algorithm),
      kernel_(kernel),
      bias_(bias, shape.oc),
      packed_forward_(forward_.packed_floats()),
      packed_backward_(backward_data_.packed_floats()) {}

std::int64_t Conv2DStep::scratch_floats() const {
  return std::max({forward_.scratch_floats(), backward_data_.scratch_floats(),
                   backward_weights_.scratch_floats()});
}

double Conv2DStep::nanoseconds() const {
  return Step::nanoseconds() + simd::kMultiplyAddNanoseconds * forward_.multiply_adds();
}

void Conv2DStep::prepare(bool training) {
  forward_.pack(kernel_.value(), packed_forward_.data());
  if (training) backward_data_.pack(kernel_.value(), packed_backward_.data());
}

void Conv2DStep::forward(const Chunk& chunk, const float* src, float* dst) {
  const float floor = relu_ ? 0.0F : -std::numeric_limits<float>::infinity();
  forward_.images(chunk.images, src, packed_forward_.data(), bias_.value(), floor, dst, chunk.scratch);
}

void Conv2DStep::begin_gradients(const Chunk& chunk) {
  kernel_.clear_gradient_slot(chunk.index);
  bias_.clear_gradient_slot(chunk.index);
}

void Conv2DStep::backward(const Chunk& chunk, const float* src, const float* dst, float* d_dst,
                          float* d_src) {
  for (std::int64_t i = 0; i < chunk.images; ++i) {
    float* const d_image = d_dst + i * dst_size();
    if (relu_) kernels_.relu_backward(dst_size(), dst + i * dst_size(), d_image, d_image);
    bias_.add_gradient(kernels_, shape_.oh() * shape_.ow(), d_image, chunk.index);
  }
  backward_weights_.images(chunk.images, src, d_dst, kernel_.gradient_slot(chunk.index), chunk.scratch);
  if (d_src != nullptr) {
    backward_data_.images(chunk.images, d_dst, packed_backward_.data(), d_src, chunk.scratch);
  }
}

Work Conv2DStep::forward_work(std::int64_t images) const {
  return with_convolutions(Step::forward_work(images), {forward_.multiply_adds()}, shape_.wei_size(), images);
}

Work Conv2DStep::backward_work(std::int64_t images, bool wants_d_src) const {
  const Work work = Step::backward_work(images, wants_d_src);
  const double weights = backward_weights_.multiply_adds();
  return wants_d_src
             ? with_convolutions(work, {weights, backward_data_.multiply_adds()}, shape_.wei_size(), images)
             : with_convolutions(work, {weights}, shape_.wei_size(), images);
}

std::string Conv2DStep::forward_kernel() const { return forward_.kernel(); }

std::string Conv2DStep::backward_kernel(bool wants_d_src) const {
  const std::string text = "weights " + backward_weights_.kernel();
  return wants_d_src ? text + ", data " + backward_data_.kernel() : text;
}

}  // namespace tilewise
