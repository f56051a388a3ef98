#pragma once

#include <utility>

#include "tilewise/layers/bias.hpp"
#include "tilewise/layers/step.hpp"
#include "tilewise/simd/conv_backward_data.hpp"
#include "tilewise/simd/conv_backward_weights.hpp"
#include "tilewise/simd/conv_forward.hpp"

namespace tilewise {

/// Convolution, bias and, if asked, ReLU in the same pass.
class Conv2DStep final : public Step {
 public:
  /// `bias` may be null: none.
  Conv2DStep(const simd::KernelTable& kernels, const simd::ConvShape& shape, simd::ConvAlgorithm algorithm,
             Parameter& kernel, Parameter* bias, bool relu);

  const simd::ConvShape& shape() const { return shape_; }
  simd::ConvAlgorithm algorithm() const { return algorithm_; }
  Parameter& kernel() { return kernel_; }
  Parameter* bias() const { return bias_.parameter(); }
  bool has_relu() const { return relu_; }
  /// Leaves the ReLU to a later step; whether there was one.
  bool give_up_relu() { return std::exchange(relu_, false); }

  std::int64_t scratch_floats() const override;
  double nanoseconds() const override;
  bool backward_reads_dst() const override { return relu_; }
  bool trainable() const override { return true; }
  void prepare(bool training) override;
  void forward(const Chunk& chunk, const float* src, float* dst) override;
  void begin_gradients(const Chunk& chunk) override;
  void backward(const Chunk& chunk, const float* src, const float* dst, float* d_dst,
                float* d_src) override;

  Work forward_work(std::int64_t images) const override;
  Work backward_work(std::int64_t images, bool wants_d_src) const override;
  std::string forward_kernel() const override;
  std::string backward_kernel(bool wants_d_src) const override;

 private:
  const simd::KernelTable& kernels_;
  simd::ConvShape shape_;
  simd::ConvAlgorithm algorithm_;
  bool relu_;
  simd::ConvForward forward_;
  simd::ConvBackwardData backward_data_;
  simd::ConvBackwardWeights backward_weights_;
  Parameter& kernel_;
  Bias bias_;
  AlignedBuffer<float> packed_forward_;
  AlignedBuffer<float> packed_backward_;
};

}  // namespace tilewise
