#pragma once

#include "tilewise/core/aligned_buffer.hpp"
#include "tilewise/layers/step.hpp"

namespace tilewise {

// Two paths from x to y = main(x) + shortcut(x), as steps in a row: fork, the steps of main, switch, the steps
// of the shortcut, join; or, if the shortcut is x itself, fork, main, join. What one path has to leave for the
// other is kept for the whole batch, for steps of the whole batch may lie between. Back to front, join keeps the
// gradient of y, switch changes it for that of x through the shortcut, and fork adds that to main's.

/// dst = src, which it keeps; d_src = d_dst + the other path's gradient.
class ForkStep final : public Step {
 public:
  ForkStep(const simd::KernelTable& kernels, std::int64_t size, std::int64_t max_batch);

  float* src() { return src_.data(); }      ///< kept from forward()
  float* d_src() { return d_src_.data(); }  ///< the other path's gradient, there before backward()

  bool backward_reads_src() const override { return false; }
  bool backward_reads_dst() const override { return false; }
  float* own_dst() override { return src_.data(); }
  void forward(const Chunk& chunk, const float* src, float* dst) override;
  void backward(const Chunk& chunk, const float* src, const float* dst, float* d_dst,
                float* d_src) override;

  Work backward_work(std::int64_t images, bool wants_d_src) const override;

 private:
  const simd::KernelTable& kernels_;
  AlignedBuffer<float> src_, d_src_;
};

/// Keeps src, main's output, and goes on with what its fork kept; d_src = the gradient that its join kept, and
/// d_dst goes to the fork.
class SwitchStep final : public Step {
 public:
  SwitchStep(ForkStep& fork, std::int64_t src_size, std::int64_t max_batch);

  float* kept() { return kept_.data(); }  ///< forward main's output, backward its gradient

  bool backward_reads_src() const override { return false; }
  bool backward_reads_dst() const override { return false; }
  float* own_dst() override { return fork_.src(); }
  void forward(const Chunk& chunk, const float* src, float* dst) override;
  void backward(const Chunk& chunk, const float* src, const float* dst, float* d_dst,
                float* d_src) override;

  Work forward_work(std::int64_t images) const override;
  Work backward_work(std::int64_t images, bool wants_d_src) const override;

 private:
  ForkStep& fork_;
  AlignedBuffer<float> kept_;
};

/// dst = src + the other path's output; d_src = d_dst, a copy of which goes to the other path.
class JoinStep final : public Step {
 public:
  /// `other` and `d_other`, for the whole batch, outlive the step and may be the same.
  JoinStep(const simd::KernelTable& kernels, std::int64_t size, const float* other, float* d_other)
      : Step(size, size), kernels_(kernels), other_(other), d_other_(d_other) {}

  bool backward_reads_src() const override { return false; }
  bool backward_reads_dst() const override { return false; }
  void forward(const Chunk& chunk, const float* src, float* dst) override;
  void backward(const Chunk& chunk, const float* src, const float* dst, float* d_dst,
                float* d_src) override;

  Work forward_work(std::int64_t images) const override;
  Work backward_work(std::int64_t images, bool wants_d_src) const override;

 private:
  const simd::KernelTable& kernels_;
  const float* other_;
  float* d_other_;
};

}  // namespace tilewise
