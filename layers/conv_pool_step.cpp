#include "tilewise/layers/conv_pool_step.hpp"

#include <algorithm>

namespace tilewise {

ConvPoolStep::ConvPoolStep(const simd::KernelTable& kernels, const simd::ConvShape& conv,
                           simd::ConvAlgorithm algorithm, Parameter& kernel, Parameter* bias,
                           const simd::PoolGeometry& pool, bool relu, bool sparse, std::int64_t max_batch)
    : Step(conv.src_size(), pool.oh * pool.ow * pool.channels),
      kernels_(kernels),
      conv_(conv),
      pool_(pool),
      relu_(relu),
      forward_(kernels, conv, pool, algorithm),
      kernel_(kernel),
      bias_(bias, conv.oc),
      packed_forward_(forward_.packed_floats()),
      argmax_(checked_product(max_batch, dst_size())) {
  if (sparse && simd::ConvPooledBackward::pays(kernels, conv, pool)) {
    sparse_.emplace(kernels, conv, pool);
    packed_backward_ = AlignedBuffer<float>(sparse_->packed_floats());
  } else {
    if (sparse) short_ = forward_.one_pass();
    dense_.emplace(Dense{{kernels, conv, algorithm}, {kernels, conv, algorithm}});
    packed_backward_ = AlignedBuffer<float>(dense_->data.packed_floats());
  }
}

std::int64_t ConvPoolStep::scratch_floats() const {
  const std::int64_t backward =
      sparse_ ? std::max(sparse_->scratch_floats(), kernel_.size())
              : round_up_to_line(conv_.dst_size()) +
                    std::max(dense_->weights.scratch_floats(), dense_->data.scratch_floats());
  return std::max(forward_.scratch_floats(), backward);
}

double ConvPoolStep::nanoseconds() const {
  return Step::nanoseconds() + simd::kMultiplyAddNanoseconds * forward_.multiply_adds();
}

void ConvPoolStep::prepare(bool training) {
  forward_.pack(kernel_.value(), packed_forward_.data());
  if (!training) return;
  if (sparse_) {
    sparse_->pack(kernel_.value(), packed_backward_.data());
  } else {
    dense_->data.pack(kernel_.value(), packed_backward_.data());
  }
}

void ConvPoolStep::forward(const Chunk& chunk, const float* src, float* dst) {
  simd::PoolPlace* const argmax = argmax_.data() + chunk.first * dst_size();
  for (std::int64_t i = 0; i < chunk.images; ++i) {
    forward_.image(src + i * src_size(), packed_forward_.data(), bias_.value(), relu_,
                   dst + i * dst_size(), argmax + i * dst_size(), chunk.scratch);
  }
}

void ConvPoolStep::begin_gradients(const Chunk& chunk) {
  kernel_.clear_gradient_slot(chunk.index);
  bias_.clear_gradient_slot(chunk.index);
}

void ConvPoolStep::backward(const Chunk& chunk, const float* src, const float* dst, float* d_dst,
                            float* d_src) {
  float* const d_kernel = kernel_.gradient_slot(chunk.index);
  const float* const wei = packed_backward_.data();
  for (std::int64_t i = 0; i < chunk.images; ++i) {
    const float* const image = src + i * src_size();
    float* const d_image = d_src == nullptr ? nullptr : d_src + i * src_size();
    float* const d_pooled = d_dst + i * dst_size();
    const simd::PoolPlace* const argmax = argmax_.data() + (chunk.first + i) * dst_size();
    if (relu_) kernels_.relu_backward(dst_size(), dst + i * dst_size(), d_pooled, d_pooled);
    bias_.add_gradient(kernels_, pool_.oh * pool_.ow, d_pooled, chunk.index);
    if (sparse_) {
      sparse_->weights(image, d_pooled, argmax, d_kernel, chunk.scratch);
      if (d_image != nullptr) sparse_->data(d_pooled, argmax, wei, d_image, chunk.scratch);
      continue;
    }
    if (short_ != nullptr) short_->weights(image, d_pooled, argmax, d_kernel, chunk.scratch);
    if (short_ != nullptr && d_image == nullptr) continue;
    Workspace scratch = chunk.scratch;
    float* const d_convolved = scratch.take(conv_.dst_size());
    kernels_.max_pool_backward(pool_, d_pooled, argmax, d_convolved);
    if (short_ == nullptr) dense_->weights.images(1, image, d_convolved, d_kernel, scratch);
    if (d_image != nullptr) dense_->data.images(1, d_convolved, wei, d_image, scratch);
  }
}

void ConvPoolStep::end_gradients(const Chunk& chunk) {
  if (!sparse_) return;
  // weights() left the filters' gradient transposed.
  Workspace scratch = chunk.scratch;
  float* const sum = scratch.take(kernel_.size());
  float* const d_kernel = kernel_.gradient_slot(chunk.index);
  std::copy_n(d_kernel, kernel_.size(), sum);
  sparse_->unpack(sum, d_kernel);
}

// The arg-max has as many elements as the output.
Work ConvPoolStep::forward_work(std::int64_t images) const {
  Work work = Step::forward_work(images);
  work.flops = 2 * forward_.multiply_adds() * static_cast<double>(images);
  work.bytes += array_bytes<simd::PoolPlace>(images * dst_size()) + array_bytes(conv_.wei_size());
  return work;
}

Work ConvPoolStep::backward_work(std::int64_t images, bool wants_d_src) const {
  const int products = wants_d_src ? 2 : 1;
  const double sparse = static_cast<double>(windows() * conv_.wei_size());
  const double weights = sparse_ ? sparse : short_ != nullptr ? 4 * sparse : dense_->weights.multiply_adds();
  const double data = sparse_ ? sparse : dense_->data.multiply_adds();
  Work work = Step::backward_work(images, wants_d_src);
  work.flops = 2 * (wants_d_src ? weights + data : weights) * static_cast<double>(images);
  work.bytes += array_bytes<simd::PoolPlace>(images * dst_size()) + array_bytes(products * conv_.wei_size());
  return work;
}

std::string ConvPoolStep::forward_kernel() const {
  return forward_.kernel();
}

std::string ConvPoolStep::backward_kernel(bool wants_d_src) const {
  if (sparse_) return "list_picked, add_sparse";
  const std::string text =
      short_ != nullptr ? "conv_pool_weights" : "weights " + dense_->weights.kernel();
  return wants_d_src ? text + ", data " + dense_->data.kernel() : text;
}

}  // namespace tilewise
