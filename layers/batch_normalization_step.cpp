#include "tilewise/layers/batch_normalization_step.hpp"

#include <algorithm>
#include <cmath>

namespace tilewise {
namespace {

// Floats of a block, 32 KB: it is in L1 or L2 when it is read again.
constexpr std::int64_t kBlockFloats = 8 * 1024;
// Tasks occupy many cores; their sums are merged by one of them.
constexpr std::int64_t kTasks = 64;

/// Takes `rows` rows with this mean and this sum of squares around it into those of `before` rows.
void merge(double rows, double mean, double squares, double before, double& all_mean,
           double& all_squares) {
  const double distance = mean - all_mean;
  const double share = rows / (before + rows);
  all_mean += distance * share;
  all_squares += squares + distance * distance * before * share;
}

}  // namespace

BatchNormalizationStep::BatchNormalizationStep(const StepContext& context, const Arguments& arguments)
    : Step(context.input.elements(), context.input.elements()),
      kernels_(context.kernels),
      threads_(context.threads),
      arguments_(arguments),
      channels_(context.input[context.input.rank() - 1]),
      line_(round_up_to_line(channels_)),
      rows_(src_size() / channels_),
      // A smaller batch may be cut into more tasks than the largest, but not into more than kTasks.
      sums_(checked_product(std::min(kTasks, cut(context.max_batch).blocks.pieces), 2 * channels_)),
      mean_(Shape{channels_}),
      inverse_(Shape{channels_}),
      scale_(Shape{channels_}),
      shift_(Shape{channels_}),
      slope_(Shape{channels_}) {}

BatchNormalizationStep::Cut BatchNormalizationStep::cut(std::int64_t images) const {
  const simd::EvenSplit blocks(checked_product(images, rows_),
                               std::max<std::int64_t>(1, kBlockFloats / channels_));
  return {blocks, simd::EvenSplit(blocks.pieces, simd::ceil_div(blocks.pieces, kTasks))};
}

template <class Body>
void BatchNormalizationStep::for_each_block(const Chunk& chunk, Body body) const {
  const Cut rows = cut(chunk.images);
  chunk.executor->parallel_for(
      rows.tasks.pieces, nanoseconds() * static_cast<double>(chunk.images),
      [&](std::int64_t task, int worker) {
        const std::int64_t first = rows.tasks.begin(task);
        for (std::int64_t b = first; b < first + rows.tasks.size(task); ++b) {
          const std::int64_t row = rows.blocks.begin(b);
          body(Block{task, row, rows.blocks.size(b), row * channels_}, worker);
        }
      });
}

BatchNormalizationStep::Sums BatchNormalizationStep::sums_of(std::int64_t task) {
  double* const first = sums_.data() + task * 2 * channels_;
  return {first, first + channels_};
}

void BatchNormalizationStep::clear_sums(const Cut& cut) {
  std::fill_n(sums_.data(), cut.tasks.pieces * 2 * channels_, 0.0);
}

void BatchNormalizationStep::sum_moments(const Chunk& chunk, const float* src) {
  const Cut rows = cut(chunk.images);
  clear_sums(rows);
  float* const scratch = Workspace(chunk.scratch).take(scratch_floats());
  for_each_block(chunk, [&](const Block& block, int worker) {
    float* const center = scratch + worker * 3 * line_;
    float* const off = center + line_;
    float* const squares = off + line_;
    std::fill_n(center, 3 * line_, 0.0F);
    kernels_.bias_gradient(block.rows, channels_, src + block.at, center);
    for (std::int64_t c = 0; c < channels_; ++c) center[c] /= static_cast<float>(block.rows);
    kernels_.column_deviations(block.rows, channels_, src + block.at, center, off, squares);
    const auto n = static_cast<double>(block.rows);
    const auto before = static_cast<double>(block.first_row - rows.first_row(block.task));
    const Sums sums = sums_of(block.task);
    for (std::int64_t c = 0; c < channels_; ++c) {
      // The center was rounded: what is left of the deviations says by how much it is off.
      const double rest = off[c];
      merge(n, center[c] + rest / n, squares[c] - rest * rest / n, before, sums.first[c],
            sums.second[c]);
    }
  });
  const Sums all = sums_of(0);
  for (std::int64_t task = 1; task < rows.tasks.pieces; ++task) {
    const Sums sums = sums_of(task);
    const std::int64_t before = rows.first_row(task);
    const std::int64_t end = task + 1 < rows.tasks.pieces ? rows.first_row(task + 1) : chunk.images * rows_;
    for (std::int64_t c = 0; c < channels_; ++c) {
      merge(static_cast<double>(end - before), sums.first[c], sums.second[c],
            static_cast<double>(before), all.first[c], all.second[c]);
    }
  }
}

void BatchNormalizationStep::use_batch_statistics(std::int64_t rows) {
  const Sums all = sums_of(0);
  const double momentum = arguments_.momentum;
  const auto move = [momentum](float& moving, double value) {
    moving = static_cast<float>(momentum * double{moving} + (1 - momentum) * value);
  };
  for (std::int64_t c = 0; c < channels_; ++c) {
    const double mean = all.first[c];
    const double variance = all.second[c] / static_cast<double>(rows);
    const double inverse = 1 / std::sqrt(variance + arguments_.epsilon);
    const double scale = inverse * (arguments_.gamma == nullptr ? 1 : arguments_.gamma->value()[c]);
    const double beta = arguments_.beta == nullptr ? 0 : arguments_.beta->value()[c];
    mean_[c] = static_cast<float>(mean);
    inverse_[c] = static_cast<float>(inverse);
    scale_[c] = static_cast<float>(scale);
    shift_[c] = static_cast<float>(beta - scale * mean);
    move(arguments_.moving_mean.value()[c], mean);
    move(arguments_.moving_variance.value()[c], variance);
  }
}

void BatchNormalizationStep::use_moving_statistics() {
  for (std::int64_t c = 0; c < channels_; ++c) {
    const double variance = arguments_.moving_variance.value()[c];
    const double gamma = arguments_.gamma == nullptr ? 1 : arguments_.gamma->value()[c];
    const double beta = arguments_.beta == nullptr ? 0 : arguments_.beta->value()[c];
    const double scale = gamma / std::sqrt(variance + arguments_.epsilon);
    scale_[c] = static_cast<float>(scale);
    shift_[c] = static_cast<float>(beta - scale * arguments_.moving_mean.value()[c]);
  }
}

void BatchNormalizationStep::forward(const Chunk& chunk, const float* src, float* dst) {
  if (chunk.training) {
    sum_moments(chunk, src);
    use_batch_statistics(chunk.images * rows_);
  } else {
    use_moving_statistics();
  }
  for_each_block(chunk, [&](const Block& block, int) {
    kernels_.scale_shift(block.rows, channels_, scale_.data(), shift_.data(), src + block.at,
                         dst + block.at);
  });
}

void BatchNormalizationStep::sum_gradients(const Chunk& chunk, const float* src, const float* d_dst) {
  const Cut rows = cut(chunk.images);
  clear_sums(rows);
  float* const scratch = Workspace(chunk.scratch).take(scratch_floats());
  for_each_block(chunk, [&](const Block& block, int worker) {
    float* const gradients = scratch + worker * 3 * line_;
    float* const products = gradients + line_;
    std::fill_n(gradients, 2 * line_, 0.0F);
    kernels_.batch_norm_sums(block.rows, channels_, src + block.at, mean_.data(), d_dst + block.at,
                             gradients, products);
    const Sums sums = sums_of(block.task);
    for (std::int64_t c = 0; c < channels_; ++c) {
      sums.first[c] += gradients[c];
      sums.second[c] += products[c];
    }
  });
  double* const all = sums_.data();
  for (std::int64_t task = 1; task < rows.tasks.pieces; ++task) {
    const double* const sums = sums_of(task).first;
    for (std::int64_t i = 0; i < 2 * channels_; ++i) all[i] += sums[i];
  }
}

// With x^ = (src - mean) / deviation, over n rows:
//   d_beta = sum d_dst, d_gamma = sum d_dst x^,
//   d_src = gamma / deviation (d_dst - d_beta / n - x^ d_gamma / n)
void BatchNormalizationStep::backward(const Chunk& chunk, const float* src, const float*, float* d_dst,
                                      float* d_src) {
  sum_gradients(chunk, src, d_dst);
  const auto n = static_cast<double>(chunk.images * rows_);
  const Sums sums = sums_of(0);
  float* const offset = shift_.data();  // no longer needed: the forward pass is over
  for (std::int64_t c = 0; c < channels_; ++c) {
    const double inverse = inverse_[c];
    const double scale = scale_[c];
    if (arguments_.beta != nullptr) {
      arguments_.beta->gradient_slot(0)[c] = static_cast<float>(sums.first[c]);
    }
    if (arguments_.gamma != nullptr) {
      arguments_.gamma->gradient_slot(0)[c] = static_cast<float>(inverse * sums.second[c]);
    }
    slope_[c] = static_cast<float>(-scale * inverse * inverse * sums.second[c] / n);
    offset[c] = static_cast<float>(-scale * sums.first[c] / n);
  }
  if (d_src == nullptr) return;
  for_each_block(chunk, [&](const Block& block, int) {
    kernels_.batch_norm_backward(block.rows, channels_,
                                 {.center = mean_.data(),
                                  .scale = scale_.data(),
                                  .slope = slope_.data(),
                                  .offset = offset},
                                 src + block.at, d_dst + block.at, d_src + block.at);
  });
}

}  // namespace tilewise
