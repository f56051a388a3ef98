#pragma once

#include "tilewise/layers/step.hpp"
#include "tilewise/simd/blocking.hpp"

namespace tilewise {

/// Batch normalisation over the last axis; spreads over the threads itself, for its sums are over all
/// images.
///
/// Rows of channels are cut into blocks that stay in cache, and runs of blocks into a fixed number of
/// tasks. A block is read twice, for its mean and then for the squares around it; blocks, and then tasks, are
/// merged in order (the corrected two-pass algorithm and the updating formula of T. Chan, G. Golub, R. LeVeque,
/// "Algorithms for computing the sample variance", The American Statistician 37(3), 1983). So neither a large
/// mean nor the number of threads shows in the result.
class BatchNormalizationStep final : public Step {
 public:
  struct Arguments {
    double momentum, epsilon;
    Parameter* gamma;  ///< null: 1
    Parameter* beta;   ///< null: 0
    Parameter& moving_mean;
    Parameter& moving_variance;
  };
  BatchNormalizationStep(const StepContext& context, const Arguments& arguments);

  bool takes_whole_batch() const override { return true; }
  std::int64_t scratch_floats() const override { return threads_ * 3 * line_; }
  bool backward_reads_dst() const override { return false; }
  bool trainable() const override { return arguments_.gamma != nullptr || arguments_.beta != nullptr; }
  void forward(const Chunk& chunk, const float* src, float* dst) override;
  void backward(const Chunk& chunk, const float* src, const float* dst, float* d_dst,
                float* d_src) override;

  std::string forward_kernel() const override { return "column_deviations, scale_shift"; }
  std::string backward_kernel(bool wants_d_src) const override {
    return wants_d_src ? "batch_norm_sums, batch_norm_backward" : "batch_norm_sums";
  }

 private:
  /// How the rows of so many images are cut: by their number and the channels alone.
  struct Cut {
    simd::EvenSplit blocks;
    simd::EvenSplit tasks;  ///< runs of blocks
    std::int64_t first_row(std::int64_t task) const { return blocks.begin(tasks.begin(task)); }
  };
  Cut cut(std::int64_t images) const;

  struct Block {
    std::int64_t task, first_row, rows;
    std::int64_t at;  ///< its first element
  };
  /// Calls body(block, worker) for each block of the batch, for those of a task in order.
  template <class Body>
  void for_each_block(const Chunk& chunk, Body body) const;

  /// Two sums of each channel, over the rows of one task; in double, for they are few.
  struct Sums {
    double* first;
    double* second;
  };
  Sums sums_of(std::int64_t task);
  void clear_sums(const Cut& cut);

  /// Leaves the batch's mean, and the sum of squares around it, in sums_of(0).
  void sum_moments(const Chunk& chunk, const float* src);
  /// Leaves the sums of d_dst and of d_dst * (src - mean) there.
  void sum_gradients(const Chunk& chunk, const float* src, const float* d_dst);
  /// Takes over the batch's statistics: scale, shift, and what backward() and the moving ones need.
  void use_batch_statistics(std::int64_t rows);
  void use_moving_statistics();

  const simd::KernelTable& kernels_;
  int threads_;
  Arguments arguments_;
  std::int64_t channels_;
  std::int64_t line_;  ///< channels, rounded up
  std::int64_t rows_;  ///< of an image
  AlignedBuffer<double> sums_;
  Tensor mean_, inverse_;         ///< of the last training batch: its mean, 1 / its standard deviation
  Tensor scale_, shift_, slope_;  ///< of each channel, for one pass
};

}  // namespace tilewise
