#include "tilewise/layers/max_pool2d_step.hpp"

namespace tilewise {

MaxPool2DStep::MaxPool2DStep(const simd::KernelTable& kernels,
                             const simd::PoolGeometry& geometry, std::int64_t max_batch)
    : Step(geometry.ih * geometry.iw * geometry.channels,
           geometry.oh * geometry.ow * geometry.channels),
      kernels_(kernels),
      geometry_(geometry),
      argmax_(checked_product(max_batch, dst_size())) {}

void MaxPool2DStep::forward(const Chunk& chunk, const float* src, float* dst) {
  simd::PoolPlace* const argmax = argmax_.data() + chunk.first * dst_size();
  for (std::int64_t i = 0; i < chunk.images; ++i) {
    float* const image = dst + i * dst_size();
    kernels_.max_pool_forward(geometry_, src + i * src_size(), image, argmax + i * dst_size());
    if (relu_) kernels_.relu_forward(dst_size(), image, image);
  }
}

void MaxPool2DStep::backward(const Chunk& chunk, const float*, const float* dst, float* d_dst,
                             float* d_src) {
  if (d_src == nullptr) return;
  const simd::PoolPlace* const argmax = argmax_.data() + chunk.first * dst_size();
  for (std::int64_t i = 0; i < chunk.images; ++i) {
    float* const d_image = d_dst + i * dst_size();
    if (relu_) kernels_.relu_backward(dst_size(), dst + i * dst_size(), d_image, d_image);
    kernels_.max_pool_backward(geometry_, d_image, argmax + i * dst_size(), d_src + i * src_size());
  }
}

// The arg-max has as many elements as the output.
Work MaxPool2DStep::forward_work(std::int64_t images) const {
  Work work = Step::forward_work(images);
  work.bytes += array_bytes<simd::PoolPlace>(images * dst_size());
  return work;
}

Work MaxPool2DStep::backward_work(std::int64_t images, bool wants_d_src) const {
  Work work = Step::backward_work(images, wants_d_src);
  work.bytes += array_bytes<simd::PoolPlace>(images * dst_size());
  return work;
}

}  // namespace tilewise
