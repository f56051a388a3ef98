#pragma once

#include "tilewise/layers/step.hpp"

namespace tilewise {

/// Average-pooling, global or not.
class AveragePoolStep final : public Step {
 public:
  AveragePoolStep(const simd::KernelTable& kernels, const simd::PoolGeometry& geometry);

  bool backward_reads_src() const override { return false; }
  bool backward_reads_dst() const override { return false; }
  void forward(const Chunk& chunk, const float* src, float* dst) override;
  void backward(const Chunk& chunk, const float* src, const float* dst, float* d_dst,
                float* d_src) override;

  std::string forward_kernel() const override { return "average_pool_forward"; }
  std::string backward_kernel(bool) const override { return "average_pool_backward"; }

 private:
  const simd::KernelTable& kernels_;
  simd::PoolGeometry geometry_;
};

}  // namespace tilewise
