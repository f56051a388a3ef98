#pragma once

#include "tilewise/layers/step.hpp"

namespace tilewise {

/// Max-pooling and, if it took one over, ReLU.
class MaxPool2DStep final : public Step {
 public:
  MaxPool2DStep(const simd::KernelTable& kernels, const simd::PoolGeometry& geometry,
                std::int64_t max_batch);

  const simd::PoolGeometry& geometry() const { return geometry_; }
  bool relu() const { return relu_; }
  /// Applies ReLU to its own, smaller output: max and ReLU commute, and so do their gradients.
  void take_over_relu() { relu_ = true; }

  bool backward_reads_src() const override { return false; }
  bool backward_reads_dst() const override { return relu_; }
  void forward(const Chunk& chunk, const float* src, float* dst) override;
  void backward(const Chunk& chunk, const float* src, const float* dst, float* d_dst,
                float* d_src) override;

  Work forward_work(std::int64_t images) const override;
  Work backward_work(std::int64_t images, bool wants_d_src) const override;
  std::string forward_kernel() const override {
    return relu_ ? "max_pool_forward, ReLU" : "max_pool_forward";
  }
  std::string backward_kernel(bool) const override {
    return relu_ ? "max_pool_backward, ReLU" : "max_pool_backward";
  }

 private:
  const simd::KernelTable& kernels_;
  simd::PoolGeometry geometry_;
  bool relu_ = false;
  AlignedBuffer<simd::PoolPlace> argmax_;
};

}  // namespace tilewise
