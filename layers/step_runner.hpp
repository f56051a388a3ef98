#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tilewise/core/parallel.hpp"
#include "tilewise/core/tensor.hpp"
#include "tilewise/layers/profiler.hpp"
#include "tilewise/layers/step.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise {

struct StepRunnerOptions {
  const simd::KernelTable& kernels;
  std::int64_t max_batch;
  Shape input;                    ///< of one image
  std::int64_t outputs;           ///< of one image
  std::size_t loss_steps;         ///< the loss takes what these make; training leaves out the others
  std::int64_t parameter_floats;  ///< of all steps, to guess how long packing takes
  bool depth_first = true;        ///< PlanOptions::depth_first
};

/// Takes batches through a model's steps, forward and backward, on the executor's threads, and owns the
/// memory between them: activations, their gradients and scratch, all booked when it is made.
///
/// A batch is cut into chunks of images, whose size max_batch decides. The images of a chunk run through as
/// many consecutive steps as possible on one thread, a few at a time that fit in its cache.
class StepRunner {
 public:
  /// Chunks of a batch of `images`, where the largest has `max_batch`.
  static std::int64_t chunk_count(std::int64_t max_batch, std::int64_t images);

  /// Throws ShapeError when a size overflows.
  StepRunner(Steps steps, Executor& executor, const StepRunnerOptions& options);

  const Steps& steps() const { return steps_; }
  std::size_t first_trainable() const { return first_trainable_; }  ///< the first step that has parameters

  /// Activities, numbered from `forward` on for the steps and from `backward` on for them back to front.
  void attach_profiler(Profiler& profiler, int forward, int backward);

  Tensor& input() { return input_; }          ///< (max_batch, ...input): the first images are the batch
  Tensor& d_outputs() { return d_outputs_; }  ///< (max_batch, outputs): gradient of what the loss takes

  /// What step `end` - 1 made of the last batch, or the input if that is 0: (images, ...).
  const float* outputs(std::size_t end) const { return kept_src(end, {}); }

  /// The weights have changed: what is packed of them is out of date.
  void forget_packed() { packed_ = Packed::nothing; }

  /// Makes steps [0, end) of the first `images` images of input(). `iteration` seeds dropout in training.
  void forward(std::int64_t images, std::size_t end, bool training, std::uint32_t iteration);

  /// From d_outputs() of the batch of the last forward(), to the gradient slots of its chunks.
  void backward(std::int64_t images);

  /// The first step before the loss that gave infinity or NaN in the last forward(); nothing if none did. Before
  /// backward(). Activations that are not kept are made once more, and come out the same.
  std::optional<std::size_t> first_non_finite(std::int64_t images);

 private:
  /// Consecutive steps that run chunk by chunk, or one step that takes the whole batch.
  struct Segment {
    std::size_t first, last;  ///< steps [first, last)
    bool whole_batch;
    double nanoseconds;       ///< of one image, forward, on one thread
    Tensor d_input;           ///< gradient that it hands to the segment before; empty if none is wanted
  };

  void make_segments();
  void book_memory();

  std::int64_t chunk_count(std::int64_t images) const { return chunk_count(options_.max_batch, images); }
  template <class Body>
  void for_each_part(const Chunk& chunk, Body body) const;
  Chunk make_chunk(std::int64_t index, std::int64_t images, int worker);
  Chunk whole_batch(std::int64_t images);

  const float* kept_src(std::size_t step, const Chunk& chunk) const;
  float* kept_dst(std::size_t step, const Chunk& chunk) const;
  float* chunk_buffer(std::size_t step, int worker);
  void prepare();
  void forward_step(std::size_t step, const Chunk& chunk, const float* src, float* dst, int worker);
  void forward_range(const Chunk& chunk, std::size_t first, std::size_t last, int worker);
  int backward_activity(std::size_t step) const;
  void backward_step(std::size_t step, const Chunk& chunk, float* d_dst, float* d_src, int worker);
  void backward_segment(const Chunk& chunk, const Segment& segment, float* d_output, float* d_input,
                        int worker);
  void backward_range(const Chunk& chunk, const Segment& segment, float* d_output, float* d_input,
                      int worker);
  std::size_t first_non_finite(const Segment& segment, std::int64_t images);

  Steps steps_;
  Executor& executor_;
  StepRunnerOptions options_;
  Profiler* profiler_ = nullptr;
  int forward_activity_ = 0;   ///< of the first step; the others follow
  int backward_activity_ = 0;  ///< of the last step; the others follow, back to front
  std::int64_t chunk_images_;
  std::int64_t part_images_ = 1;  ///< images of a chunk that go through a segment together
  std::size_t first_trainable_ = 0;
  std::vector<Segment> segments_;
  /// Which passes the steps have packed the current weights for.
  enum class Packed : std::uint8_t { nothing, forward, both };
  Packed packed_ = Packed::nothing;
  bool training_ = false;
  std::uint32_t iteration_ = 0;

  Tensor input_;
  std::vector<Tensor> activations_;  ///< what steps wrote, where somebody reads it again
  std::vector<float*> kept_;         ///< each step's output, there or in the step; null if it is not kept
  Tensor d_outputs_;
  std::int64_t scratch_floats_ = 0;
  AlignedBuffer<float> scratch_;  ///< one piece per worker, or all of it for a whole-batch step
  /// Two buffers per worker, used in turn from step to step: forward for activations that are not
  /// kept, backward for gradients.
  AlignedBuffer<float> chunk_buffers_;
  std::int64_t chunk_buffer_floats_ = 0;
};

}  // namespace tilewise
