#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tilewise/core/parallel.hpp"
#include "tilewise/core/tensor.hpp"
#include "tilewise/layers/categorical_crossentropy.hpp"
#include "tilewise/layers/loss.hpp"
#include "tilewise/layers/optimizer.hpp"
#include "tilewise/layers/parameter_update.hpp"
#include "tilewise/layers/plan.hpp"
#include "tilewise/layers/profile_scope.hpp"
#include "tilewise/layers/regularizer.hpp"
#include "tilewise/layers/sequential.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise {

struct ModelOptions {
  std::int64_t max_batch = 128;  ///< the largest batch it will see; memory is booked for it
  std::uint64_t seed = 0;        ///< of initial weights and dropout
  std::shared_ptr<const Loss> loss = std::make_shared<CategoricalCrossentropy>();  ///< never null
  L2Regularizer regularizer = {};
  PlanOptions plan = {};
  const simd::KernelTable* kernels = &simd::default_kernels();
  Profiler* profiler = nullptr;  ///< to be told where training steps go; outlives the model
};

/// What came out of one batch.
struct BatchResult {
  /// Sum over the images of their losses, the regularizer's penalty counted for each: over their number it
  /// is what Keras reports.
  double loss_sum = 0;
  std::int64_t correct = 0;  ///< images whose largest output is their label's, or their largest target's
};

/// A network compiled for a largest batch: weights, activations, gradients and the steps that
/// compute them. Books all memory when it is made; a batch allocates nothing.
///
/// The loss, by default categorical cross-entropy, takes one row of outputs an image, whatever their
/// shape. For cross-entropy these are logits, or probabilities if the network ends in a softmax, which
/// training leaves out.
///
/// A batch is cut into chunks of images, whose size max_batch decides. The images of a chunk run through as
/// many consecutive steps as possible on one thread, a few at a time that fit in its cache, and the chunks'
/// gradients are added in a fixed tree: the same seed, data, batches and max_batch give the same bits on
/// any number of threads.
class Model {
 public:
  /// Initialises the weights from options.seed. `executor` must outlive the model.
  /// Throws ArgumentError for a max_batch below 1 or a negative l2, ShapeError when a size overflows.
  Model(Sequential network, Executor& executor, const ModelOptions& options = {});

  const Sequential& network() const { return network_; }
  std::int64_t max_batch() const { return options_.max_batch; }
  std::uint64_t seed() const { return options_.seed; }
  std::int64_t classes() const { return network_.output_shape().elements(); }
  const simd::KernelTable& kernels() const { return *options_.kernels; }
  Executor& executor() { return executor_; }
  Profiler* profiler() const { return options_.profiler; }

  std::span<const Parameter> parameters() const { return parameters_; }
  /// Calls edit(parameters), a std::span<Parameter> that is not to be kept: what the model has packed of
  /// them is out of date afterwards.
  template <class Edit>
  void edit_parameters(Edit edit) {
    packed_ = Packed::nothing;
    edit(std::span<Parameter>(parameters_));
  }

  /// Where the next batch goes: (max_batch, ...input shape), dense.
  std::span<float> input() { return input_.span(); }

  /// Forward, loss, backward and one optimizer step on the first labels.size() images of input().
  /// Throws ArgumentError for an empty or too large batch or a label outside [0, classes()).
  BatchResult train_batch(std::span<const std::int32_t> labels, Optimizer& optimizer);

  /// The same with what the outputs should be, (images, ...output shape).
  /// Throws ArgumentError for an empty or too large batch or an incomplete row.
  BatchResult train_batch(std::span<const float> targets, Optimizer& optimizer);

  /// Loss and accuracy of the first labels.size() images of input(), without dropout.
  /// Throws as train_batch() does.
  BatchResult evaluate_batch(std::span<const std::int32_t> labels);
  BatchResult evaluate_batch(std::span<const float> targets);

  /// The network's output for the first `images` images of input(): (images, ...output shape). Valid
  /// until the next batch. Throws ArgumentError for an empty or too large batch.
  std::span<const float> predict_batch(std::int64_t images);
  /// The same without the softmax that the network ends in, if it does and the loss takes logits.
  std::span<const float> predict_logits(std::int64_t images);

  /// Where the last train_batch() first met infinity or NaN, if it did: "input of the forward pass", "output of
  /// conv2d in the forward pass", "loss in the forward pass" (if all outputs are finite), "gradient of
  /// conv2d/kernel in the backward pass", as it came out of the batch, or "value of conv2d/kernel in the update".
  std::optional<std::string> first_non_finite() const;

 private:
  /// Consecutive steps that run chunk by chunk, or one step that takes the whole batch.
  struct Segment {
    std::size_t first, last;  ///< steps [first, last)
    bool whole_batch;
    double nanoseconds;       ///< of one image, forward, on one thread
    Tensor d_input;           ///< gradient that it hands to the segment before; empty if none is wanted
  };

  /// What the outputs of a batch should be: a label an image, or targets.
  struct Truth {
    std::int64_t images;
    std::span<const std::int32_t> labels = {};
    std::span<const float> targets = {};
  };

  /// Numbers of the model's activities in its profiler.
  struct ProfileIds {
    int forward = 0;   ///< of the first step; the others follow
    int loss = 0;
    int backward = 0;  ///< of the last step; the others follow, back to front
    int backward_of(std::size_t step, std::size_t steps) const {
      return backward + static_cast<int>(steps - 1 - step);
    }
  };

  void make_parameters();
  void make_steps();
  void make_segments();
  void book_memory();
  void attach_profiler();

  std::span<const float> predict(std::int64_t images, std::size_t steps);
  void check_batch(std::int64_t images) const;
  Truth checked(std::span<const std::int32_t> labels) const;
  Truth checked(std::span<const float> targets) const;
  std::int64_t chunk_count(std::int64_t images) const;
  template <class Body>
  void for_each_part(const Chunk& chunk, Body body) const;
  Chunk make_chunk(std::int64_t index, std::int64_t images, int worker);
  Chunk whole_batch(std::int64_t images);

  const float* kept_src(std::size_t step, const Chunk& chunk) const;
  float* kept_dst(std::size_t step, const Chunk& chunk) const;
  float* chunk_buffer(std::size_t step, int worker);
  void prepare(bool training);
  void forward(std::int64_t images, std::size_t end);
  void forward_step(std::size_t step, const Chunk& chunk, const float* src, float* dst, int worker);
  void backward_step(std::size_t step, const Chunk& chunk, float* d_dst, float* d_src, int worker);
  void forward_range(const Chunk& chunk, std::size_t first, std::size_t last, int worker);
  void backward(std::int64_t images);
  void backward_segment(const Chunk& chunk, const Segment& segment, float* d_output, float* d_input,
                        int worker);
  void backward_range(const Chunk& chunk, const Segment& segment, float* d_output, float* d_input,
                      int worker);
  BatchResult train(const Truth& truth, Optimizer& optimizer);
  BatchResult evaluate(const Truth& truth);
  BatchResult evaluate_loss(const Truth& truth);
  std::string first_non_finite_in_forward(std::int64_t images);

  Sequential network_;
  Executor& executor_;
  ModelOptions options_;
  std::int64_t chunk_images_;
  std::int64_t part_images_ = 1;  ///< images of a chunk that go through a segment together
  /// Which passes the steps have packed the current weights for.
  enum class Packed : std::uint8_t { nothing, forward, both };
  Packed packed_ = Packed::nothing;
  bool training_ = false;
  std::uint32_t iteration_ = 0;
  std::string non_finite_in_forward_;  ///< of the last training batch: where; empty if it is all finite

  std::vector<Parameter> parameters_;
  std::optional<ParameterUpdate> update_;  ///< always there; made after the parameters
  Steps steps_;
  std::size_t logit_steps_ = 0;      ///< steps before the loss, and before a softmax that it stands for
  std::size_t first_trainable_ = 0;  ///< the first step that has parameters
  std::vector<Segment> segments_;
  ProfileIds profile_;

  Tensor input_;
  std::vector<Tensor> activations_;  ///< what steps wrote, where somebody reads it again
  std::vector<float*> kept_;         ///< each step's output, there or in the step; null if it is not kept
  Tensor d_outputs_;
  Tensor losses_;
  std::int64_t scratch_floats_ = 0;
  AlignedBuffer<float> scratch_;  ///< one piece per worker, or all of it for a whole-batch step
  /// Two buffers per worker, used in turn from step to step: forward for activations that are not
  /// kept, backward for gradients.
  AlignedBuffer<float> chunk_buffers_;
  std::int64_t chunk_buffer_floats_ = 0;
};

}  // namespace tilewise
