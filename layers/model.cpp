#include "tilewise/layers/model.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "tilewise/core/error.hpp"
#include "tilewise/core/float_mode.hpp"
#include "tilewise/layers/categorical_crossentropy.hpp"
#include "tilewise/layers/rewrite.hpp"
#include "tilewise/layers/softmax.hpp"

namespace tilewise {
namespace {

// Sixteen chunks occupy many cores; more than eight images in one no longer help a cache, fewer
// chunks mean fewer partial gradients to add.
constexpr std::int64_t kChunks = 16;
constexpr std::int64_t kMaxChunkImages = 8;

// Images go through a segment in parts whose largest activation has at most so many floats, 128 KB: so
// that it is in L2 from one step to the next.
constexpr std::int64_t kPartFloats = 32 * 1024;

// Backward is two products for each one forward.
constexpr double kBackwardFactor = 2;

// Floats of a parameter that one task reduces and updates: 16 KB, so that the sum is still in L1 when
// the optimizer reads it.
constexpr std::int64_t kUpdateBlock = 4096;
constexpr double kUpdateNanoseconds = 2;  // per float

std::int64_t largest(std::span<const float> row) {
  return std::max_element(row.begin(), row.end()) - row.begin();
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
  make_steps();
  make_segments();
  book_memory();
}

void Model::make_parameters() {
  // Reserved: steps keep references to their parameters.
  std::size_t count = 0;
  for (const auto& entry : network_.layers()) count += entry.parameters.size();
  parameters_.reserve(count);

  for (const auto& entry : network_.layers()) {
    const std::int64_t slots =
        entry.layer->takes_whole_batch() ? 1 : chunk_count(options_.max_batch);
    for (const ParameterSpec& spec : entry.parameters) {
      const auto index = static_cast<std::uint32_t>(parameters_.size());
      Parameter& parameter =
          parameters_.emplace_back(entry.name + "/" + spec.name, spec.shape, slots);
      initialize(spec.initializer, spec.shape,
                 {.seed = options_.seed, .purpose = RandomPurpose::initializer, .index = index},
                 {parameter.value(), static_cast<std::size_t>(parameter.size())});
      for (std::int64_t first = 0; first < parameter.size(); first += kUpdateBlock) {
        update_blocks_.push_back(
            {index, first, std::min(kUpdateBlock, parameter.size() - first)});
      }
    }
  }
}

/// What each layer makes of its output: a corner, if it can and the next one reads no more.
std::vector<Shape> Model::made_outputs() const {
  const auto& layers = network_.layers();
  std::vector<Shape> made(layers.size());
  Shape wanted = network_.output_shape();
  for (std::size_t i = layers.size(); i-- > 0;) {
    const Layer& layer = *layers[i].layer;
    const bool corner = options_.plan.skip_unread && layer.makes_corners();
    made[i] = corner ? wanted : layers[i].output;
    wanted = layer.read_corner(layers[i].input, made[i]);
  }
  return made;
}

void Model::make_steps() {
  const std::vector<Shape> made = made_outputs();
  std::span<Parameter> parameters = parameters_;
  for (std::size_t i = 0; i < network_.layers().size(); ++i) {
    const auto& entry = network_.layers()[i];
    const std::size_t count = entry.parameters.size();
    entry.layer->append_steps({.kernels = *options_.kernels,
                               .threads = executor_.threads(),
                               .input = entry.input,
                               .src = i == 0 ? entry.input : made[i - 1],
                               .dst = made[i],
                               .max_batch = options_.max_batch,
                               .seed = options_.seed,
                               .layer_index = static_cast<std::uint32_t>(i),
                               .parameters = parameters.first(count)},
                              steps_);
    parameters = parameters.subspan(count);
  }
  if (options_.plan.move_relu_behind_pooling) move_relu_behind_pooling(steps_);
  if (options_.plan.fuse_pooling) {
    fuse_pooling(*options_.kernels, options_.max_batch, options_.plan.sparse_gradients, steps_);
  }
  const auto trainable = std::ranges::find_if(steps_, [](const auto& s) { return s->trainable(); });
  first_trainable_ = static_cast<std::size_t>(trainable - steps_.begin());
  // A softmax over fewer values than the whole output is not the loss's.
  const auto* last = steps_.empty() ? nullptr : dynamic_cast<SoftmaxStep*>(steps_.back().get());
  const bool ends_in_softmax = last != nullptr && last->classes() == classes();
  logit_steps_ = steps_.size() - (ends_in_softmax ? 1 : 0);
}

void Model::make_segments() {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const bool whole = steps_[i]->takes_whole_batch();
    // The final softmax stands alone: training leaves it out.
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
  d_logits_ = Tensor(Shape{batch, classes()});
  losses_ = Tensor(Shape{batch});

  std::int64_t whole_scratch = 0;
  for (const auto& step : steps_) {
    const std::int64_t scratch = round_up_to_line(step->scratch_floats());
    std::int64_t& most = step->takes_whole_batch() ? whole_scratch : scratch_floats_;
    most = std::max(most, scratch);
  }
  scratch_ = AlignedBuffer<float>(
      std::max(whole_scratch, checked_product(workers, scratch_floats_)));

  for (Segment& segment : segments_) {
    if (segment.first > first_trainable_) {
      segment.d_input = Tensor(Shape{batch, steps_[segment.first]->src_size()});
    }
    for (std::size_t i = segment.first; i < segment.last; ++i) {
      const bool inside = i + 1 < segment.last;
      const bool kept =
          !inside || steps_[i]->backward_reads_dst() || steps_[i + 1]->backward_reads_src();
      activations_.push_back(kept ? Tensor(Shape{batch, steps_[i]->dst_size()}) : Tensor());
      if (inside) chunk_buffer_floats_ = std::max(chunk_buffer_floats_, steps_[i]->dst_size());
    }
  }
  part_images_ = std::clamp<std::int64_t>(kPartFloats / std::max<std::int64_t>(1, chunk_buffer_floats_),
                                          1, chunk_images_);
  chunk_buffer_floats_ = round_up_to_line(part_images_ * chunk_buffer_floats_);
  chunk_buffers_ = AlignedBuffer<float>(checked_product(2 * workers, chunk_buffer_floats_));
}

BatchResult Model::train_batch(std::span<const std::int32_t> labels, Optimizer& optimizer) {
  check_labels(labels);
  optimizer.attach(parameters_);
  const FlushDenormals flush;  // also for the steps that run outside the executor's loops
  const auto images = static_cast<std::int64_t>(labels.size());
  training_ = true;
  iteration_ = static_cast<std::uint32_t>(optimizer.steps());
  prepare(true);
  forward(images, logit_steps_);
  const BatchResult result = evaluate_loss(labels);
  backward(images);
  update(images, optimizer);
  return result;
}

BatchResult Model::evaluate_batch(std::span<const std::int32_t> labels) {
  check_labels(labels);
  const FlushDenormals flush;
  training_ = false;
  prepare(false);
  forward(static_cast<std::int64_t>(labels.size()), logit_steps_);
  return evaluate_loss(labels);
}

std::span<const float> Model::predict_batch(std::int64_t images) {
  check_batch(images);
  const FlushDenormals flush;
  training_ = false;
  prepare(false);
  forward(images, steps_.size());
  return {kept_src(steps_.size(), {}), static_cast<std::size_t>(images * classes())};
}

void Model::check_batch(std::int64_t images) const {
  if (images < 1 || images > options_.max_batch) {
    throw ArgumentError("batch of " + std::to_string(images) + " images: expected 1 to " +
                        std::to_string(options_.max_batch));
  }
}

void Model::check_labels(std::span<const std::int32_t> labels) const {
  check_batch(static_cast<std::int64_t>(labels.size()));
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0 || labels[i] >= classes()) {
      throw ArgumentError("label " + std::to_string(labels[i]) + " of image " + std::to_string(i) +
                          " is not in [0, " + std::to_string(classes()) + ")");
    }
  }
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
  const Tensor& src = step == 0 ? input_ : activations_[step - 1];
  return src.size() == 0 ? nullptr : src.data() + chunk.first * (src.size() / options_.max_batch);
}

float* Model::kept_dst(std::size_t step, const Chunk& chunk) {
  Tensor& dst = activations_[step];
  return dst.size() == 0 ? nullptr : dst.data() + chunk.first * steps_[step]->dst_size();
}

float* Model::chunk_buffer(std::size_t step, int worker) {
  return chunk_buffers_.data() +
         (2 * worker + static_cast<std::int64_t>(step % 2)) * chunk_buffer_floats_;
}

void Model::prepare(bool training) {
  double nanoseconds = 0;
  for (const Parameter& parameter : parameters_) nanoseconds += static_cast<double>(parameter.size());
  executor_.parallel_for(
      static_cast<std::int64_t>(steps_.size()), nanoseconds,
      [&](std::int64_t step, int) { steps_[static_cast<std::size_t>(step)]->prepare(training); });
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
    steps_[i]->forward(chunk, src, dst);
    src = dst;
  }
}

void Model::backward(std::int64_t images) {
  float* d_output = d_logits_.data();
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
  for (std::size_t i = segment.first; i < segment.last; ++i) steps_[i]->begin_gradients(chunk);
  if (segment.whole_batch) {
    backward_range(chunk, segment, d_output, d_input, worker);
  } else {
    for_each_part(chunk, [&](const Chunk& part) {
      backward_range(part, segment, d_output, d_input, worker);
    });
  }
  for (std::size_t i = segment.first; i < segment.last; ++i) steps_[i]->end_gradients(chunk);
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
    step.backward(chunk, kept_src(i, chunk), kept_dst(i, chunk), d_dst, d_src);
    d_dst = d_src;
  }
}

BatchResult Model::evaluate_loss(std::span<const std::int32_t> labels) {
  const float* logits = kept_src(logit_steps_, {});
  CategoricalCrossentropy::evaluate(*options_.kernels, executor_, classes(), logits, labels,
                                    losses_.data(), d_logits_.data());
  const auto columns = static_cast<std::size_t>(classes());
  BatchResult result;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    result.loss_sum += losses_[static_cast<std::int64_t>(i)];
    result.correct += largest({logits + i * columns, columns}) == labels[i] ? 1 : 0;
  }
  return result;
}

void Model::update(std::int64_t images, Optimizer& optimizer) {
  optimizer.begin_step();
  const std::int64_t chunks = chunk_count(images);
  const auto floats = static_cast<double>(network_.parameter_count());
  executor_.parallel_for(
      static_cast<std::int64_t>(update_blocks_.size()), kUpdateNanoseconds * floats,
      [&](std::int64_t index, int) {
        const UpdateBlock& block = update_blocks_[static_cast<std::size_t>(index)];
        Parameter& parameter = parameters_[block.parameter];
        parameter.reduce_gradient(*options_.kernels, std::min(chunks, parameter.gradient_slots()),
                                  block.first, block.count);
        optimizer.update(*options_.kernels, block.parameter, block.first, block.count,
                         parameter.gradient() + block.first, parameter.value() + block.first);
      });
}

}  // namespace tilewise
