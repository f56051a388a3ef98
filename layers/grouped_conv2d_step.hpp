#pragma once

#include "tilewise/layers/bias.hpp"
#include "tilewise/layers/step.hpp"
#include "tilewise/simd/grouped_conv.hpp"

namespace tilewise {

/// Grouped convolution, bias and, if asked, ReLU in the same pass.
class GroupedConv2DStep final : public Step {
 public:
  /// `shape` is that of all groups together; `bias` may be null: none.
  GroupedConv2DStep(const simd::KernelTable& kernels, const simd::ConvShape& shape,
                    simd::ConvAlgorithm algorithm, std::int64_t groups, Parameter& kernel, Parameter* bias,
                    bool relu);

  std::int64_t scratch_floats() const override { return conv_.scratch_floats(); }
  double nanoseconds() const override {
    return Step::nanoseconds() + simd::kMultiplyAddNanoseconds * conv_.forward_multiply_adds();
  }
  bool backward_reads_dst() const override { return relu_; }
  bool trainable() const override { return true; }
  void prepare(bool training) override;
  void forward(const Chunk& chunk, const float* src, float* dst) override;
  void begin_gradients(const Chunk& chunk) override;
  void end_gradients(const Chunk& chunk) override;
  void backward(const Chunk& chunk, const float* src, const float* dst, float* d_dst,
                float* d_src) override;

  Work forward_work(std::int64_t images) const override;
  Work backward_work(std::int64_t images, bool wants_d_src) const override;
  std::string forward_kernel() const override;
  std::string backward_kernel(bool wants_d_src) const override;

 private:
  const simd::KernelTable& kernels_;
  simd::GroupedConv conv_;
  bool relu_;
  Parameter& kernel_;
  Bias bias_;
  AlignedBuffer<float> packed_forward_, packed_backward_;
  AlignedBuffer<float> group_filters_;  ///< scratch of prepare()
};

}  // namespace tilewise
