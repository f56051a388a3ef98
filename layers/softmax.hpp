#pragma once

#include "tilewise/layers/layer.hpp"

namespace tilewise {

/// dst(i) = exp(src(i)) / sum over j of exp(src(j)), over the last axis.
///
/// At the end of a model that is trained with cross-entropy, training fuses it with the loss: the
/// loss takes the logits, log-sum-exp keeps it exact where the probabilities would round to 0 or 1.
class Softmax final : public Layer {
 public:
  std::string_view type() const override { return "Softmax"; }
  std::string_view name_stem() const override { return "softmax"; }
  Shape output_shape(const Shape& input) const override;
  void append_steps(const StepContext& context, Steps& steps) const override;
};

/// The step behind Softmax and Activation::softmax. A class with a name so that a model can tell
/// whether it ends in one.
class SoftmaxStep final : public Step {
 public:
  SoftmaxStep(const simd::KernelTable& kernels, const Shape& shape);

  std::int64_t classes() const { return classes_; }

  bool backward_reads_src() const override { return false; }
  void forward(const Chunk& chunk, const float* src, float* dst) override;
  void backward(const Chunk& chunk, const float* src, const float* dst, float* d_dst,
                float* d_src) override;

  std::string forward_kernel() const override { return "softmax"; }
  std::string backward_kernel(bool) const override { return "softmax_backward"; }

 private:
  const simd::KernelTable& kernels_;
  std::int64_t classes_;
};

}  // namespace tilewise
