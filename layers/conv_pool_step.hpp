#pragma once

#include "tilewise/layers/step.hpp"
#include "tilewise/simd/conv_forward.hpp"
#include "tilewise/simd/conv_pooled_backward.hpp"

namespace tilewise {

/// Convolution, bias, max-pooling and, if asked, ReLU. The convolution's output lives for one image at a
/// time and is kept nowhere; backward, only the pixels that pooling picked are looked at.
class ConvPoolStep final : public Step {
 public:
  ConvPoolStep(const simd::KernelTable& kernels, const simd::ConvShape& conv, Parameter& kernel,
               Parameter& bias, const simd::MaxPoolGeometry& pool, bool relu,
               std::int64_t max_batch);

  std::int64_t scratch_floats() const override;
  double nanoseconds() const override;
  bool backward_reads_dst() const override { return relu_; }
  bool trainable() const override { return true; }
  void prepare(bool training) override;
  void forward(const Chunk& chunk, const float* src, float* dst) override;
  void begin_gradients(const Chunk& chunk) override;
  void end_gradients(const Chunk& chunk) override;
  void backward(const Chunk& chunk, const float* src, const float* dst, float* d_dst,
                float* d_src) override;

 private:
  const simd::KernelTable& kernels_;
  simd::ConvShape conv_;
  simd::MaxPoolGeometry pool_;
  bool relu_;
  simd::ConvForward forward_;
  simd::ConvPooledBackward backward_;
  Parameter& kernel_;
  Parameter& bias_;
  AlignedBuffer<float> packed_forward_;
  AlignedBuffer<float> packed_backward_;
  AlignedBuffer<std::int32_t> argmax_;
};

}  // namespace tilewise
