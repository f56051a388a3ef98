#include "tilewise/layers/residual_steps.hpp"

#include <algorithm>

namespace tilewise {

ForkStep::ForkStep(const simd::KernelTable& kernels, std::int64_t size, std::int64_t max_batch)
    : Step(size, size),
      kernels_(kernels),
      src_(checked_product(max_batch, size)),
      d_src_(src_.size()) {}

void ForkStep::forward(const Chunk& chunk, const float* src, float* dst) {
  std::copy_n(src, chunk.images * src_size(), dst);
}

void ForkStep::backward(const Chunk& chunk, const float*, const float*, float* d_dst, float* d_src) {
  if (d_src == nullptr) return;
  const std::int64_t n = chunk.images * src_size();
  std::copy_n(d_dst, n, d_src);
  kernels_.add(n, d_src_.data() + chunk.first * src_size(), d_src);
}

Work ForkStep::backward_work(std::int64_t images, bool wants_d_src) const {
  return {.bytes = wants_d_src ? array_bytes(images * 3 * src_size()) : 0};
}

SwitchStep::SwitchStep(ForkStep& fork, std::int64_t src_size, std::int64_t max_batch)
    : Step(src_size, fork.dst_size()), fork_(fork), kept_(checked_product(max_batch, src_size)) {}

void SwitchStep::forward(const Chunk& chunk, const float* src, float*) {
  std::copy_n(src, chunk.images * src_size(), kept_.data() + chunk.first * src_size());
}

void SwitchStep::backward(const Chunk& chunk, const float*, const float*, float* d_dst, float* d_src) {
  std::copy_n(d_dst, chunk.images * dst_size(), fork_.d_src() + chunk.first * dst_size());
  if (d_src == nullptr) return;
  std::copy_n(kept_.data() + chunk.first * src_size(), chunk.images * src_size(), d_src);
}

Work SwitchStep::forward_work(std::int64_t images) const {
  return {.bytes = array_bytes(images * 2 * src_size())};
}

Work SwitchStep::backward_work(std::int64_t images, bool wants_d_src) const {
  return {.bytes = array_bytes(images * 2 * (dst_size() + (wants_d_src ? src_size() : 0)))};
}

void JoinStep::forward(const Chunk& chunk, const float* src, float* dst) {
  const std::int64_t n = chunk.images * src_size();
  std::copy_n(src, n, dst);
  kernels_.add(n, other_ + chunk.first * src_size(), dst);
}

void JoinStep::backward(const Chunk& chunk, const float*, const float*, float* d_dst, float* d_src) {
  const std::int64_t n = chunk.images * src_size();
  std::copy_n(d_dst, n, d_other_ + chunk.first * src_size());
  if (d_src != nullptr) std::copy_n(d_dst, n, d_src);
}

Work JoinStep::forward_work(std::int64_t images) const {
  return {.bytes = array_bytes(images * 3 * src_size())};
}

Work JoinStep::backward_work(std::int64_t images, bool wants_d_src) const {
  return {.bytes = array_bytes(images * (wants_d_src ? 3 : 2) * src_size())};
}

}  // namespace tilewise
