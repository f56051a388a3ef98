#include "tilewise/layers/average_pool_step.hpp"

namespace tilewise {

AveragePoolStep::AveragePoolStep(const simd::KernelTable& kernels,
                                 const simd::PoolGeometry& geometry)
    : Step(geometry.ih * geometry.iw * geometry.channels,
           geometry.oh * geometry.ow * geometry.channels),
      kernels_(kernels),
      geometry_(geometry) {}

void AveragePoolStep::forward(const Chunk& chunk, const float* src, float* dst) {
  for (std::int64_t i = 0; i < chunk.images; ++i) {
    kernels_.average_pool_forward(geometry_, src + i * src_size(), dst + i * dst_size());
  }
}

void AveragePoolStep::backward(const Chunk& chunk, const float*, const float*, float* d_dst,
                               float* d_src) {
  if (d_src == nullptr) return;
  for (std::int64_t i = 0; i < chunk.images; ++i) {
    kernels_.average_pool_backward(geometry_, d_dst + i * dst_size(), d_src + i * src_size());
  }
}

}  // namespace tilewise
