#include "tilewise/layers/conv_pool_step.hpp"

#include <algorithm>
#include <limits>

namespace tilewise {

ConvPoolStep::ConvPoolStep(const simd::KernelTable& kernels, const simd::ConvShape& conv,
                           Parameter& kernel, Parameter& bias, const simd::MaxPoolGeometry& pool,
                           bool relu, std::int64_t max_batch)
    : Step(conv.src_size(), pool.oh * pool.ow * pool.channels),
      kernels_(kernels),
      conv_(conv),
      pool_(pool),
      relu_(relu),
      forward_(kernels, conv),
      backward_(kernels, conv, pool),
      kernel_(kernel),
      bias_(bias),
      packed_forward_(forward_.packed_floats()),
      packed_backward_(backward_.packed_floats()),
      argmax_(checked_product(max_batch, dst_size())) {}

std::int64_t ConvPoolStep::scratch_floats() const {
  return std::max({round_up_to_line(conv_.dst_size()) + forward_.scratch_floats(),
                   backward_.scratch_floats(), kernel_.size()});
}

double ConvPoolStep::nanoseconds() const {
  return Step::nanoseconds() + 0.02 * conv_.multiply_adds();
}

void ConvPoolStep::prepare(bool training) {
  forward_.pack(kernel_.value(), packed_forward_.data());
  if (training) backward_.pack(kernel_.value(), packed_backward_.data());
}

void ConvPoolStep::forward(const Chunk& chunk, const float* src, float* dst) {
  Workspace scratch = chunk.scratch;
  float* const convolved = scratch.take(conv_.dst_size());
  std::int32_t* const argmax = argmax_.data() + chunk.first * dst_size();
  for (std::int64_t i = 0; i < chunk.images; ++i) {
    float* const image = dst + i * dst_size();
    forward_.image(src + i * src_size(), packed_forward_.data(), bias_.value(),
                   -std::numeric_limits<float>::infinity(), convolved, scratch);
    kernels_.max_pool_forward(pool_, convolved, image, argmax + i * dst_size());
    if (relu_) kernels_.relu_forward(dst_size(), image, image);
  }
}

void ConvPoolStep::begin_gradients(const Chunk& chunk) {
  std::fill_n(kernel_.gradient_slot(chunk.index), kernel_.size(), 0.0F);
  std::fill_n(bias_.gradient_slot(chunk.index), bias_.size(), 0.0F);
}

void ConvPoolStep::backward(const Chunk& chunk, const float* src, const float* dst, float* d_dst,
                            float* d_src) {
  const std::int32_t* const argmax = argmax_.data() + chunk.first * dst_size();
  float* const d_kernel = kernel_.gradient_slot(chunk.index);
  float* const d_bias = bias_.gradient_slot(chunk.index);
  for (std::int64_t i = 0; i < chunk.images; ++i) {
    float* const d_image = d_dst + i * dst_size();
    const std::int32_t* const picked = argmax + i * dst_size();
    if (relu_) kernels_.relu_backward(dst_size(), dst + i * dst_size(), d_image, d_image);
    kernels_.bias_gradient(pool_.oh * pool_.ow, pool_.channels, d_image, d_bias);
    backward_.weights(src + i * src_size(), d_image, picked, d_kernel, chunk.scratch);
    if (d_src != nullptr) {
      backward_.data(d_image, picked, packed_backward_.data(), d_src + i * src_size(),
                     chunk.scratch);
    }
  }
}

// weights() left the filters' gradient transposed.
void ConvPoolStep::end_gradients(const Chunk& chunk) {
  Workspace scratch = chunk.scratch;
  float* const sum = scratch.take(kernel_.size());
  float* const d_kernel = kernel_.gradient_slot(chunk.index);
  std::copy_n(d_kernel, kernel_.size(), sum);
  backward_.unpack(sum, d_kernel);
}

}  // namespace tilewise
