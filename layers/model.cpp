#include "tilewise/layers/model.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "tilewise/core/error.hpp"
#include "tilewise/core/float_mode.hpp"
#include "tilewise/layers/softmax.hpp"
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

/// The place of the largest value.
std::int64_t largest(const float* row, std::int64_t size) {
  return std::max_element(row, row + size) - row;
}

}  // namespace

Model::Model(Sequential network, Executor& executor, const ModelOptions& options)
    : network_(std::move(network)), executor_(executor), options_(options) {
  if (options_.max_batch < 1) {
    throw ArgumentError("max_batch " + std::to_string(options_.max_batch) + " is less than 1");
  }
  chunk_images_ = std::clamp<std::int64_t>((options_.max_batch + kChunks - 1) / kChunks, 1,
                                           kMaxChunkImages);
  make_parameters();
  update_.emplace(*options_.kernels, executor_, parameters_, options_.regularizer);
  make_steps();
  make_segments();
  book_memory();
  if (options_.profiler != nullptr) attach_profiler();
}

void Model::make_parameters() {
  // Reserved: steps keep references to their parameters.
  std::size_t count = 0;
  for (const auto& entry : network_.layers()) count += entry.parameters.size();
  parameters_.reserve(count);

  for (const auto& entry : network_.layers()) {
    for (const ParameterSpec& spec : entry.parameters) {
      const std::int64_t slots =
          !spec.trainable ? 0 : spec.whole_batch ? 1 : chunk_count(options_.max_batch);
      const auto index = static_cast<std::uint32_t>(parameters_.size());
      Parameter& parameter =
          parameters_.emplace_back(entry.name + "/" + spec.name, spec.shape, slots);
      initialize(spec.initializer, spec.shape,
                 {.seed = options_.seed, .purpose = RandomPurpose::initializer, .index = index},
                 {parameter.value(), static_cast<std::size_t>(parameter.size())});
    }
  }
}

void Model::make_steps() {
  steps_ = make_plan(network_,
                     {.kernels = *options_.kernels,
                      .threads = executor_.threads(),
                      .max_batch = options_.max_batch,
                      .seed = options_.seed,
                      .parameters = parameters_},
                     options_.plan);
  const auto trainable = std::ranges::find_if(steps_, [](const auto& s) { return s->trainable(); });
  first_trainable_ = static_cast<std::size_t>(trainable - steps_.begin());
  // A softmax over fewer values than the whole output cannot be the loss's.
  const auto* last = steps_.empty() ? nullptr : dynamic_cast<SoftmaxStep*>(steps_.back().get());
  const bool ends_in_softmax = last != nullptr && last->classes() == classes();
  logit_steps_ = steps_.size() - (ends_in_softmax && options_.loss->takes_logits() ? 1 : 0);
}

void Model::make_segments() {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const bool whole = steps_[i]->takes_whole_batch();
    // A softmax that is the loss's stands alone: training leaves it out.
    const bool joins = i > 0 && i != logit_steps_ && !whole && !segments_.back().whole_batch;
    if (!joins) segments_.push_back({i, i, whole, 0, Tensor()});
    segments_.back().last = i + 1;
    segments_.back().nanoseconds += steps_[i]->nanoseconds();
  }
}

void Model::book_memory() {
  const std::int64_t batch = options_.max_batch;
  const int workers = executor_.threads();
  input_ = Tensor(network_.input_shape().prepend(batch));
  d_outputs_ = Tensor(Shape{batch, classes()});
  losses_ = Tensor(Shape{batch});

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
  if (options_.plan.depth_first) {
    const std::int64_t fitting = std::clamp<std::int64_t>(kPartFloats / most, 1, chunk_images_);
    const std::int64_t parts = simd::ceil_div(chunk_images_, fitting);
    part_images_ = simd::ceil_div(chunk_images_, parts);
  }
  chunk_buffer_floats_ = round_up_to_line(part_images_ * chunk_buffer_floats_);
  chunk_buffers_ = AlignedBuffer<float>(checked_product(2 * workers, chunk_buffer_floats_));
}

void Model::attach_profiler() {
  std::vector<Activity> activities;
  const auto next = [&] { return Profiler::kFirstOfModel + static_cast<int>(activities.size()); };
  profile_.forward = next();
  for (const auto& step : steps_) {
    activities.push_back({step->name(), "forward", step->forward_kernel()});
  }
  profile_.loss = next();
  activities.push_back({"loss", "forward", std::string(options_.loss->kernel())});
  profile_.backward = next();
  for (std::size_t i = steps_.size(); i-- > 0;) {
    activities.push_back({steps_[i]->name(), "backward", steps_[i]->backward_kernel(i > first_trainable_)});
  }
  std::vector<int> updates;  // of each parameter: its layer's
  for (const auto& entry : network_.layers()) {
    updates.insert(updates.end(), entry.parameters.size(), next());
    if (!entry.parameters.empty()) activities.push_back({entry.name, "update", ""});
  }
  update_->attach_profiler(*options_.profiler, updates);
  options_.profiler->attach(executor_.threads(), std::move(activities));
}

BatchResult Model::train_batch(std::span<const std::int32_t> labels, Optimizer& optimizer) {
  return train(checked(labels), optimizer);
}

BatchResult Model::train_batch(std::span<const float> targets, Optimizer& optimizer) {
  return train(checked(targets), optimizer);
}

BatchResult Model::evaluate_batch(std::span<const std::int32_t> labels) { return evaluate(checked(labels)); }

BatchResult Model::evaluate_batch(std::span<const float> targets) { return evaluate(checked(targets)); }

BatchResult Model::train(const Truth& truth, Optimizer& optimizer) {
  optimizer.attach(parameters_);
  const FlushDenormals flush;  // also for the steps that run outside the executor's loops
  if (options_.profiler != nullptr) options_.profiler->count_step(truth.images);
  training_ = true;
  iteration_ = static_cast<std::uint32_t>(optimizer.steps());
  prepare(true);
  forward(truth.images, logit_steps_);
  const BatchResult result = evaluate_loss(truth);
  non_finite_in_forward_.clear();
  if (!std::isfinite(result.loss_sum)) {
    non_finite_in_forward_ = first_non_finite_in_forward(truth.images);
  }
  backward(truth.images);
  packed_ = Packed::nothing;
  update_->run(chunk_count(truth.images), optimizer);
  return result;
}

BatchResult Model::evaluate(const Truth& truth) {
  const FlushDenormals flush;
  training_ = false;
  prepare(false);
  forward(truth.images, logit_steps_);
  return evaluate_loss(truth);
}

std::span<const float> Model::predict_batch(std::int64_t images) {
  return predict(images, steps_.size());
}

std::span<const float> Model::predict_logits(std::int64_t images) {
  return predict(images, logit_steps_);
}

std::span<const float> Model::predict(std::int64_t images, std::size_t steps) {
  check_batch(images);
  const FlushDenormals flush;
  training_ = false;
  prepare(false);
  forward(images, steps);
  return {kept_src(steps, {}), static_cast<std::size_t>(images * classes())};
}

void Model::check_batch(std::int64_t images) const {
  if (images < 1 || images > options_.max_batch) {
    throw ArgumentError("batch of " + std::to_string(images) + " images: expected 1 to " +
                        std::to_string(options_.max_batch));
  }
}

Model::Truth Model::checked(std::span<const std::int32_t> labels) const {
  check_batch(static_cast<std::int64_t>(labels.size()));
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0 || labels[i] >= classes()) {
      throw ArgumentError("label " + std::to_string(labels[i]) + " of image " + std::to_string(i) +
                          " is not in [0, " + std::to_string(classes()) + ")");
    }
  }
  return {.images = static_cast<std::int64_t>(labels.size()), .labels = labels};
}

Model::Truth Model::checked(std::span<const float> targets) const {
  const auto size = static_cast<std::int64_t>(targets.size());
  if (size % classes() != 0) {
    throw ArgumentError(std::to_string(size) + " targets: expected a multiple of " +
                        std::to_string(classes()));
  }
  check_batch(size / classes());
  return {.images = size / classes(), .targets = targets};
}

std::int64_t Model::chunk_count(std::int64_t images) const {
  return (images + chunk_images_ - 1) / chunk_images_;
}

Chunk Model::make_chunk(std::int64_t index, std::int64_t images, int worker) {
  const std::int64_t first = index * chunk_images_;
  return {.index = index,
          .first = first,
          .images = std::min(chunk_images_, images - first),
          .training = training_,
          .iteration = iteration_,
          .scratch = Workspace(scratch_.data() + worker * scratch_floats_, scratch_floats_)};
}

Chunk Model::whole_batch(std::int64_t images) {
  return {.images = images,
          .training = training_,
          .iteration = iteration_,
          .scratch = Workspace(scratch_.data(), scratch_.size()),
          .executor = &executor_};
}

/// What `step` reads and writes for a chunk, where that is kept for the whole batch; null otherwise.
const float* Model::kept_src(std::size_t step, const Chunk& chunk) const {
  if (step > 0) return kept_dst(step - 1, chunk);
  return input_.data() + chunk.first * network_.input_shape().elements();
}

float* Model::kept_dst(std::size_t step, const Chunk& chunk) const {
  float* const dst = kept_[step];
  return dst == nullptr ? nullptr : dst + chunk.first * steps_[step]->dst_size();
}

float* Model::chunk_buffer(std::size_t step, int worker) {
  return chunk_buffers_.data() +
         (2 * worker + static_cast<std::int64_t>(step % 2)) * chunk_buffer_floats_;
}

void Model::prepare(bool training) {
  const Packed wanted = training ? Packed::both : Packed::forward;
  if (packed_ >= wanted) return;
  const ProfileScope scope(options_.profiler, {.activity = Profiler::kPack}, &executor_);
  double nanoseconds = 0;
  for (const Parameter& parameter : parameters_) nanoseconds += static_cast<double>(parameter.size());
  executor_.parallel_for(
      static_cast<std::int64_t>(steps_.size()), nanoseconds,
      [&](std::int64_t step, int) { steps_[static_cast<std::size_t>(step)]->prepare(training); });
  packed_ = wanted;
}

void Model::forward(std::int64_t images, std::size_t end) {
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
void Model::for_each_part(const Chunk& chunk, Body body) const {
  Chunk part = chunk;
  for (std::int64_t i = 0; i < chunk.images; i += part_images_) {
    part.first = chunk.first + i;
    part.images = std::min(part_images_, chunk.images - i);
    body(part);
  }
}

void Model::forward_range(const Chunk& chunk, std::size_t first, std::size_t last, int worker) {
  const float* src = kept_src(first, chunk);
  for (std::size_t i = first; i < last; ++i) {
    float* dst = kept_dst(i, chunk);
    if (dst == nullptr) dst = chunk_buffer(i, worker);
    forward_step(i, chunk, src, dst, worker);
    src = dst;
  }
}

void Model::forward_step(std::size_t step, const Chunk& chunk, const float* src, float* dst,
                         int worker) {
  if (options_.profiler == nullptr) {
    steps_[step]->forward(chunk, src, dst);
    return;
  }
  const ProfileScope scope(options_.profiler,
                           {.activity = profile_.forward + static_cast<int>(step),
                            .work = steps_[step]->forward_work(chunk.images),
                            .worker = worker,
                            .chunk = chunk.index,
                            .images = chunk.images},
                           chunk.executor);
  steps_[step]->forward(chunk, src, dst);
}

void Model::backward(std::int64_t images) {
  float* d_output = d_outputs_.data();
  for (std::size_t s = segments_.size(); s-- > 0;) {
    Segment& segment = segments_[s];
    if (segment.first >= logit_steps_) continue;
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

void Model::backward_segment(const Chunk& chunk, const Segment& segment, float* d_output,
                             float* d_input, int worker) {
  const auto for_each_gradient = [&](void (Step::*begin_or_end)(const Chunk&)) {
    for (std::size_t i = segment.first; i < segment.last; ++i) {
      if (!steps_[i]->trainable()) continue;
      const ProfileScope scope(options_.profiler, {.activity = profile_.backward_of(i, steps_.size()),
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

void Model::backward_range(const Chunk& chunk, const Segment& segment, float* d_output,
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

void Model::backward_step(std::size_t step, const Chunk& chunk, float* d_dst, float* d_src,
                          int worker) {
  const float* src = kept_src(step, chunk);
  const float* dst = kept_dst(step, chunk);
  if (options_.profiler == nullptr) {
    steps_[step]->backward(chunk, src, dst, d_dst, d_src);
    return;
  }
  const ProfileScope scope(options_.profiler,
                           {.activity = profile_.backward_of(step, steps_.size()),
                            .work = steps_[step]->backward_work(chunk.images, d_src != nullptr),
                            .worker = worker,
                            .chunk = chunk.index,
                            .images = chunk.images},
                           chunk.executor);
  steps_[step]->backward(chunk, src, dst, d_dst, d_src);
}

BatchResult Model::evaluate_loss(const Truth& truth) {
  // Reads outputs, writes their gradient.
  const ProfileScope scope(
      options_.profiler,
      {.activity = profile_.loss,
       .work = {.bytes = static_cast<double>(2 * truth.images * classes()) * sizeof(float)},
       .images = truth.images},
      &executor_);
  const float* outputs = kept_src(logit_steps_, {});
  options_.loss->evaluate(*options_.kernels, executor_,
                          {.rows = truth.images,
                           .columns = classes(),
                           .outputs = outputs,
                           .labels = truth.labels.data(),
                           .targets = truth.targets.data(),
                           .losses = losses_.data(),
                           .d_outputs = d_outputs_.data()});
  BatchResult result{.loss_sum = static_cast<double>(truth.images) * update_->penalty()};
  for (std::int64_t i = 0; i < truth.images; ++i) {
    result.loss_sum += static_cast<double>(losses_[i]);
    const std::int64_t wanted = truth.targets.empty()
                                    ? truth.labels[static_cast<std::size_t>(i)]
                                    : largest(truth.targets.data() + i * classes(), classes());
    result.correct += largest(outputs + i * classes(), classes()) == wanted ? 1 : 0;
  }
  return result;
}

/// Looks for it after the pass. Activations that are not kept are made once more, and come out the same.
std::string Model::first_non_finite_in_forward(std::int64_t images) {
  const simd::KernelTable& kernels = *options_.kernels;
  if (!kernels.all_finite(images * network_.input_shape().elements(), input_.data())) {
    return "input of the forward pass";
  }
  for (const Segment& segment : segments_) {
    if (segment.first >= logit_steps_) break;
    std::size_t found = segment.last;
    const auto is_finite = [&](std::size_t i, const Chunk& chunk, const float* dst) {
      return kernels.all_finite(chunk.images * steps_[i]->dst_size(), dst);
    };
    if (segment.whole_batch) {
      const Chunk all = whole_batch(images);
      if (!is_finite(segment.first, all, kept_dst(segment.first, all))) found = segment.first;
    }
    for (std::int64_t c = 0; !segment.whole_batch && c < chunk_count(images); ++c) {
      for_each_part(make_chunk(c, images, 0), [&](const Chunk& part) {
        const float* src = kept_src(segment.first, part);
        for (std::size_t i = segment.first; i < found; ++i) {
          float* const kept = kept_dst(i, part);
          float* const dst = kept != nullptr ? kept : chunk_buffer(i, 0);
          steps_[i]->forward(part, src, dst);
          if (!is_finite(i, part, dst)) found = i;
          src = dst;
        }
      });
    }
    if (found < segment.last) return "output of " + steps_[found]->name() + " in the forward pass";
  }
  return "loss in the forward pass";
}

std::optional<std::string> Model::first_non_finite() const {
  if (!non_finite_in_forward_.empty()) return non_finite_in_forward_;
  // Moving statistics can grow too large while outputs, which are normalized, do not.
  for (const Parameter& parameter : parameters_) {
    if (!parameter.trainable() && !options_.kernels->all_finite(parameter.size(), parameter.value())) {
      return "value of " + parameter.name() + " in the forward pass";
    }
  }
  return update_->first_non_finite();
}

}  // namespace tilewise
