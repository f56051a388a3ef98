#include "tilewise/layers/step_runner.hpp"

#include <algorithm>
#include <utility>

#include "tilewise/layers/profile_scope.hpp"
#include "tilewise/simd/blocking.hpp"

namespace tilewise {
namespace {

// Sixteen chunks occupy many cores; more than eight images in one no longer help a cache, fewer
// chunks mean fewer partial gradients to add.
constexpr std::int64_t kChunks = 16;
constexpr std::int64_t kMaxChunkImages = 8;

// Images go through a segment in parts for which no step reads and writes more floats than these, 128 KB: so
// that what one writes is in L2 when the next reads it.
constexpr std::int64_t kPartFloats = 32 * 1024;

// Backward is two products for each one forward.
constexpr double kBackwardFactor = 2;

std::int64_t chunk_images(std::int64_t max_batch) {
  return std::clamp<std::int64_t>(simd::ceil_div(max_batch, kChunks), 1, kMaxChunkImages);
}

}  // namespace

std::int64_t StepRunner::chunk_count(std::int64_t max_batch, std::int64_t images) {
  return simd::ceil_div(images, chunk_images(max_batch));
}

StepRunner::StepRunner(Steps steps, Executor& executor, const StepRunnerOptions& options)
    : steps_(std::move(steps)),
      executor_(executor),
      options_(options),
      chunk_images_(chunk_images(options.max_batch)) {
  const auto trainable = std::ranges::find_if(steps_, [](const auto& s) { return s->trainable(); });
  first_trainable_ = static_cast<std::size_t>(trainable - steps_.begin());
  make_segments();
  book_memory();
}

void StepRunner::make_segments() {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const bool whole = steps_[i]->takes_whole_batch();
    // A softmax that is the loss's stands alone: training leaves it out.
    const bool joins = i > 0 && i != options_.loss_steps && !whole && !segments_.back().whole_batch;
    if (!joins) segments_.push_back({i, i, whole, 0, Tensor()});
    segments_.back().last = i + 1;
    segments_.back().nanoseconds += steps_[i]->nanoseconds();
  }
}

void StepRunner::book_memory() {
  const std::int64_t batch = options_.max_batch;
  const int workers = executor_.threads();
  input_ = Tensor(options_.input.prepend(batch));
  d_outputs_ = Tensor(Shape{batch, options_.outputs});

  std::int64_t whole_scratch = 0;
  for (const auto& step : steps_) {
    const std::int64_t scratch = round_up_to_line(step->scratch_floats());
    std::int64_t& most = step->takes_whole_batch() ? whole_scratch : scratch_floats_;
    most = std::max(most, scratch);
  }
  scratch_ = AlignedBuffer<float>(
      std::max(whole_scratch, checked_product(workers, scratch_floats_)));

  std::int64_t most = 1;  // floats that a step reads and writes for an image
  for (Segment& segment : segments_) {
    if (segment.first > first_trainable_) {
      segment.d_input = Tensor(Shape{batch, steps_[segment.first]->src_size()});
    }
    for (std::size_t i = segment.first; i < segment.last; ++i) {
      const bool inside = i + 1 < segment.last;
      if (!segment.whole_batch) most = std::max(most, steps_[i]->src_size() + steps_[i]->dst_size());
      const bool kept =
          !inside || steps_[i]->backward_reads_dst() || steps_[i + 1]->backward_reads_src();
      float* place = steps_[i]->own_dst();
      if (kept && place == nullptr) {
        place = activations_.emplace_back(Shape{batch, steps_[i]->dst_size()}).data();
      }
      kept_.push_back(place);
      if (inside) chunk_buffer_floats_ = std::max(chunk_buffer_floats_, steps_[i]->dst_size());
    }
  }
  part_images_ = chunk_images_;
  if (options_.depth_first) {
    const std::int64_t fitting = std::clamp<std::int64_t>(kPartFloats / most, 1, chunk_images_);
    const std::int64_t parts = simd::ceil_div(chunk_images_, fitting);
    part_images_ = simd::ceil_div(chunk_images_, parts);
  }
  chunk_buffer_floats_ = round_up_to_line(part_images_ * chunk_buffer_floats_);
  chunk_buffers_ = AlignedBuffer<float>(checked_product(2 * workers, chunk_buffer_floats_));
}

void StepRunner::attach_profiler(Profiler& profiler, int forward, int backward) {
  profiler_ = &profiler;
  forward_activity_ = forward;
  backward_activity_ = backward;
}

Chunk StepRunner::make_chunk(std::int64_t index, std::int64_t images, int worker) {
  const std::int64_t first = index * chunk_images_;
  return {.index = index,
          .first = first,
          .images = std::min(chunk_images_, images - first),
          .training = training_,
          .iteration = iteration_,
          .scratch = Workspace(scratch_.data() + worker * scratch_floats_, scratch_floats_)};
}

Chunk StepRunner::whole_batch(std::int64_t images) {
  return {.images = images,
          .training = training_,
          .iteration = iteration_,
          .scratch = Workspace(scratch_.data(), scratch_.size()),
          .executor = &executor_};
}

/// What `step` reads and writes for a chunk, where that is kept for the whole batch; null otherwise.
const float* StepRunner::kept_src(std::size_t step, const Chunk& chunk) const {
  if (step > 0) return kept_dst(step - 1, chunk);
  return input_.data() + chunk.first * options_.input.elements();
}

float* StepRunner::kept_dst(std::size_t step, const Chunk& chunk) const {
  float* const dst = kept_[step];
  return dst == nullptr ? nullptr : dst + chunk.first * steps_[step]->dst_size();
}

float* StepRunner::chunk_buffer(std::size_t step, int worker) {
  return chunk_buffers_.data() +
         (2 * worker + static_cast<std::int64_t>(step % 2)) * chunk_buffer_floats_;
}

void StepRunner::prepare() {
  const Packed wanted = training_ ? Packed::both : Packed::forward;
  if (packed_ >= wanted) return;
  const ProfileScope scope(profiler_, {.activity = Profiler::kPack}, &executor_);
  executor_.parallel_for(
      static_cast<std::int64_t>(steps_.size()), static_cast<double>(options_.parameter_floats),
      [&](std::int64_t step, int) { steps_[static_cast<std::size_t>(step)]->prepare(training_); });
  packed_ = wanted;
}

void StepRunner::forward(std::int64_t images, std::size_t end, bool training, std::uint32_t iteration) {
  training_ = training;
  iteration_ = iteration;
  prepare();
  for (const Segment& segment : segments_) {
    if (segment.first >= end) break;
    if (segment.whole_batch) {
      forward_range(whole_batch(images), segment.first, segment.last, 0);
      continue;
    }
    executor_.parallel_for(chunk_count(images), segment.nanoseconds * static_cast<double>(images),
                           [&](std::int64_t index, int worker) {
                             for_each_part(make_chunk(index, images, worker), [&](const Chunk& part) {
                               forward_range(part, segment.first, segment.last, worker);
                             });
                           });
  }
}

/// Calls body(part) for the parts of a chunk.
template <class Body>
void StepRunner::for_each_part(const Chunk& chunk, Body body) const {
  Chunk part = chunk;
  for (std::int64_t i = 0; i < chunk.images; i += part_images_) {
    part.first = chunk.first + i;
    part.images = std::min(part_images_, chunk.images - i);
    body(part);
  }
}

void StepRunner::forward_range(const Chunk& chunk, std::size_t first, std::size_t last, int worker) {
  const float* src = kept_src(first, chunk);
  for (std::size_t i = first; i < last; ++i) {
    float* dst = kept_dst(i, chunk);
    if (dst == nullptr) dst = chunk_buffer(i, worker);
    forward_step(i, chunk, src, dst, worker);
    src = dst;
  }
}

void StepRunner::forward_step(std::size_t step, const Chunk& chunk, const float* src, float* dst,
                              int worker) {
  if (profiler_ == nullptr) {
    steps_[step]->forward(chunk, src, dst);
    return;
  }
  const ProfileScope scope(profiler_,
                           {.activity = forward_activity_ + static_cast<int>(step),
                            .work = steps_[step]->forward_work(chunk.images),
                            .worker = worker,
                            .chunk = chunk.index,
                            .images = chunk.images},
                           chunk.executor);
  steps_[step]->forward(chunk, src, dst);
}

void StepRunner::backward(std::int64_t images) {
  float* d_output = d_outputs_.data();
  for (std::size_t s = segments_.size(); s-- > 0;) {
    Segment& segment = segments_[s];
    if (segment.first >= options_.loss_steps) continue;
    if (segment.last <= first_trainable_) break;
    float* d_input = segment.d_input.data();
    if (segment.whole_batch) {
      backward_segment(whole_batch(images), segment, d_output, d_input, 0);
    } else {
      executor_.parallel_for(
          chunk_count(images), kBackwardFactor * segment.nanoseconds * static_cast<double>(images),
          [&](std::int64_t index, int worker) {
            backward_segment(make_chunk(index, images, worker), segment, d_output, d_input, worker);
          });
    }
    d_output = d_input;
  }
}

void StepRunner::backward_segment(const Chunk& chunk, const Segment& segment, float* d_output,
                                  float* d_input, int worker) {
  const auto for_each_gradient = [&](void (Step::*begin_or_end)(const Chunk&)) {
    for (std::size_t i = segment.first; i < segment.last; ++i) {
      if (!steps_[i]->trainable()) continue;
      const ProfileScope scope(profiler_, {.activity = backward_activity(i),
                                           .worker = worker,
                                           .chunk = segment.whole_batch ? -1 : chunk.index,
                                           .images = chunk.images,
                                           .is_call = false});
      (*steps_[i].*begin_or_end)(chunk);
    }
  };
  for_each_gradient(&Step::begin_gradients);
  if (segment.whole_batch) {
    backward_range(chunk, segment, d_output, d_input, worker);
  } else {
    for_each_part(chunk, [&](const Chunk& part) {
      backward_range(part, segment, d_output, d_input, worker);
    });
  }
  for_each_gradient(&Step::end_gradients);
}

void StepRunner::backward_range(const Chunk& chunk, const Segment& segment, float* d_output,
                                float* d_input, int worker) {
  const std::size_t first = std::max(segment.first, first_trainable_);
  float* d_dst = d_output + chunk.first * steps_[segment.last - 1]->dst_size();
  for (std::size_t i = segment.last; i-- > first;) {
    Step& step = *steps_[i];
    float* d_src = chunk_buffer(i, worker);
    if (i == segment.first && d_input != nullptr) d_src = d_input + chunk.first * step.src_size();
    if (i == first_trainable_) d_src = nullptr;
    backward_step(i, chunk, d_dst, d_src, worker);
    d_dst = d_src;
  }
}

int StepRunner::backward_activity(std::size_t step) const {
  return backward_activity_ + static_cast<int>(steps_.size() - 1 - step);
}

void StepRunner::backward_step(std::size_t step, const Chunk& chunk, float* d_dst, float* d_src,
                               int worker) {
  const float* src = kept_src(step, chunk);
  const float* dst = kept_dst(step, chunk);
  if (profiler_ == nullptr) {
    steps_[step]->backward(chunk, src, dst, d_dst, d_src);
    return;
  }
  const ProfileScope scope(profiler_,
                           {.activity = backward_activity(step),
                            .work = steps_[step]->backward_work(chunk.images, d_src != nullptr),
                            .worker = worker,
                            .chunk = chunk.index,
                            .images = chunk.images},
                           chunk.executor);
  steps_[step]->backward(chunk, src, dst, d_dst, d_src);
}

std::optional<std::size_t> StepRunner::first_non_finite(std::int64_t images) {
  for (const Segment& segment : segments_) {
    if (segment.first >= options_.loss_steps) break;
    const std::size_t found = first_non_finite(segment, images);
    if (found < segment.last) return found;
  }
  return std::nullopt;
}

/// The step, or segment.last if there is none.
std::size_t StepRunner::first_non_finite(const Segment& segment, std::int64_t images) {
  const auto is_finite = [&](std::size_t step, const Chunk& chunk, const float* dst) {
    return options_.kernels.all_finite(chunk.images * steps_[step]->dst_size(), dst);
  };
  if (segment.whole_batch) {
    const Chunk all = whole_batch(images);
    return is_finite(segment.first, all, kept_dst(segment.first, all)) ? segment.last : segment.first;
  }
  std::size_t found = segment.last;
  for (std::int64_t c = 0; c < chunk_count(images); ++c) {
    for_each_part(make_chunk(c, images, 0), [&](const Chunk& part) {
      const float* src = kept_src(segment.first, part);
      for (std::size_t i = segment.first; i < found; ++i) {
        float* dst = kept_dst(i, part);
        if (dst == nullptr) dst = chunk_buffer(i, 0);
        steps_[i]->forward(part, src, dst);
        if (!is_finite(i, part, dst)) found = i;
        src = dst;
      }
    });
  }
  return found;
}

}  // namespace tilewise
