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
#include "tilewise/layers/regularizer.hpp"
#include "tilewise/layers/sequential.hpp"
#include "tilewise/layers/step_runner.hpp"
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
/// Batches run as layers/step_runner.hpp says, and the chunks' gradients are added in a fixed tree: the same
/// seed, data, batches and max_batch give the same bits on any number of threads.
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
    runner_->forget_packed();
    edit(std::span<Parameter>(parameters_));
  }

  /// Where the next batch goes: (max_batch, ...input shape), dense.
  std::span<float> input() { return runner_->input().span(); }

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

  /// Where the last train_batch() first met infinity or NaN, if the loss, a gradient or a parameter shows that it
  /// did: "input of the forward pass", "output of conv2d in the forward pass", "loss in the forward pass" (if all
  /// outputs are finite), "value of batch_normalization/moving_variance in the forward pass", "gradient of
  /// conv2d/kernel in the backward pass", as it came out of the batch, or "value of conv2d/kernel in the update".
  std::optional<std::string> first_non_finite() const;

 private:
  /// What the outputs of a batch should be: a label an image, or targets.
  struct Truth {
    std::int64_t images;
    std::span<const std::int32_t> labels = {};
    std::span<const float> targets = {};
  };

  void make_parameters();
  void make_runner();
  void attach_profiler();

  std::span<const float> predict(std::int64_t images, std::size_t steps);
  void check_batch(std::int64_t images) const;
  Truth checked(std::span<const std::int32_t> labels) const;
  Truth checked(std::span<const float> targets) const;
  BatchResult train(const Truth& truth, Optimizer& optimizer);
  BatchResult evaluate(const Truth& truth);
  BatchResult evaluate_loss(const Truth& truth);
  std::string non_finite_in_forward(std::int64_t images);

  Sequential network_;
  Executor& executor_;
  ModelOptions options_;
  std::string non_finite_in_forward_;  ///< of the last training batch: where; empty if it is all finite

  std::vector<Parameter> parameters_;
  std::optional<ParameterUpdate> update_;  ///< always there; made after the parameters
  std::optional<StepRunner> runner_;       ///< likewise
  std::size_t logit_steps_ = 0;            ///< steps before the loss, and before a softmax that it stands for
  Tensor losses_;
  int loss_activity_ = 0;                  ///< the loss's number in the profiler
};

}  // namespace tilewise
