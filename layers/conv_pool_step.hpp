#pragma once

#include <optional>

#include "tilewise/layers/bias.hpp"
#include "tilewise/layers/step.hpp"
#include "tilewise/simd/conv_backward_data.hpp"
#include "tilewise/simd/conv_backward_weights.hpp"
#include "tilewise/simd/conv_pool_forward.hpp"
#include "tilewise/simd/conv_pooled_backward.hpp"

namespace tilewise {

/// Convolution, bias, max-pooling and, if asked, ReLU. The convolution's output and its gradient live for one
/// image at a time, if at all.
class ConvPoolStep final : public Step {
 public:
  /// bias: null for none. sparse: back-propagation looks only at the pixels that pooling picked, where that
  /// pays.
  ConvPoolStep(const simd::KernelTable& kernels, const simd::ConvShape& conv, simd::ConvAlgorithm algorithm,
               Parameter& kernel, Parameter* bias, const simd::PoolGeometry& pool, bool relu, bool sparse,
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

  /// Sparse gradients are counted as if all windows had one.
  Work forward_work(std::int64_t images) const override;
  Work backward_work(std::int64_t images, bool wants_d_src) const override;
  std::string forward_kernel() const override;
  std::string backward_kernel(bool wants_d_src) const override;

 private:
  std::int64_t windows() const { return pool_.oh * pool_.ow; }

  struct Dense {
    simd::ConvBackwardWeights weights;
    simd::ConvBackwardData data;
  };

  const simd::KernelTable& kernels_;
  simd::ConvShape conv_;
  simd::PoolGeometry pool_;
  bool relu_;
  simd::ConvPoolForward forward_;
  const simd::ConvPoolShort* short_ = nullptr;  ///< part of forward_, if it makes the filters' gradient
  // One of the two; the other gradients.
  std::optional<simd::ConvPooledBackward> sparse_;
  std::optional<Dense> dense_;
  Parameter& kernel_;
  Bias bias_;
  AlignedBuffer<float> packed_forward_;
  AlignedBuffer<float> packed_backward_;
  AlignedBuffer<simd::PoolPlace> argmax_;
};

}  // namespace tilewise
