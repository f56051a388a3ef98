#include "tilewise/layers/model.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "tilewise/core/error.hpp"
#include "tilewise/core/float_mode.hpp"
#include "tilewise/layers/profile_scope.hpp"
#include "tilewise/layers/softmax.hpp"

namespace tilewise {
namespace {

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
  make_parameters();
  update_.emplace(*options_.kernels, executor_, parameters_, options_.regularizer);
  make_runner();
  losses_ = Tensor(Shape{options_.max_batch});
  if (options_.profiler != nullptr) attach_profiler();
}

void Model::make_parameters() {
  // Reserved: steps keep references to their parameters.
  std::size_t count = 0;
  for (const auto& entry : network_.layers()) count += entry.parameters.size();
  parameters_.reserve(count);

  const std::int64_t chunks = StepRunner::chunk_count(options_.max_batch, options_.max_batch);
  for (const auto& entry : network_.layers()) {
    for (const ParameterSpec& spec : entry.parameters) {
      const std::int64_t slots = !spec.trainable ? 0 : spec.whole_batch ? 1 : chunks;
      const auto index = static_cast<std::uint32_t>(parameters_.size());
      Parameter& parameter =
          parameters_.emplace_back(entry.name + "/" + spec.name, spec.shape, slots);
      initialize(spec.initializer, spec.shape,
                 {.seed = options_.seed, .purpose = RandomPurpose::initializer, .index = index},
                 {parameter.value(), static_cast<std::size_t>(parameter.size())});
    }
  }
}

void Model::make_runner() {
  Steps steps = make_plan(network_,
                          {.kernels = *options_.kernels,
                           .threads = executor_.threads(),
                           .max_batch = options_.max_batch,
                           .seed = options_.seed,
                           .parameters = parameters_},
                          options_.plan);
  // A softmax over fewer values than the whole output cannot be the loss's.
  const auto* last = steps.empty() ? nullptr : dynamic_cast<SoftmaxStep*>(steps.back().get());
  const bool ends_in_softmax = last != nullptr && last->classes() == classes();
  logit_steps_ = steps.size() - (ends_in_softmax && options_.loss->takes_logits() ? 1 : 0);
  std::int64_t floats = 0;
  for (const Parameter& parameter : parameters_) floats += parameter.size();
  runner_.emplace(std::move(steps), executor_,
                  StepRunnerOptions{.kernels = *options_.kernels,
                                    .max_batch = options_.max_batch,
                                    .input = network_.input_shape(),
                                    .outputs = classes(),
                                    .loss_steps = logit_steps_,
                                    .parameter_floats = floats,
                                    .depth_first = options_.plan.depth_first});
}

void Model::attach_profiler() {
  std::vector<Activity> activities;
  const auto next = [&] { return Profiler::kFirstOfModel + static_cast<int>(activities.size()); };
  const Steps& steps = runner_->steps();
  const int forward = next();
  for (const auto& step : steps) activities.push_back({step->name(), "forward", step->forward_kernel()});
  loss_activity_ = next();
  activities.push_back({"loss", "forward", std::string(options_.loss->kernel())});
  const int backward = next();
  for (std::size_t i = steps.size(); i-- > 0;) {
    const bool wants_d_src = i > runner_->first_trainable();
    activities.push_back({steps[i]->name(), "backward", steps[i]->backward_kernel(wants_d_src)});
  }
  runner_->attach_profiler(*options_.profiler, forward, backward);
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
  runner_->forward(truth.images, logit_steps_, true, static_cast<std::uint32_t>(optimizer.steps()));
  const BatchResult result = evaluate_loss(truth);
  non_finite_in_forward_.clear();
  if (!std::isfinite(result.loss_sum)) {
    non_finite_in_forward_ = non_finite_in_forward(truth.images);
  }
  runner_->backward(truth.images);
  runner_->forget_packed();
  update_->run(StepRunner::chunk_count(options_.max_batch, truth.images), optimizer);
  return result;
}

BatchResult Model::evaluate(const Truth& truth) {
  const FlushDenormals flush;
  runner_->forward(truth.images, logit_steps_, false, 0);
  return evaluate_loss(truth);
}

std::span<const float> Model::predict_batch(std::int64_t images) {
  return predict(images, runner_->steps().size());
}

std::span<const float> Model::predict_logits(std::int64_t images) {
  return predict(images, logit_steps_);
}

std::span<const float> Model::predict(std::int64_t images, std::size_t steps) {
  check_batch(images);
  const FlushDenormals flush;
  runner_->forward(images, steps, false, 0);
  return {runner_->outputs(steps), static_cast<std::size_t>(images * classes())};
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

BatchResult Model::evaluate_loss(const Truth& truth) {
  // Reads outputs, writes their gradient.
  const ProfileScope scope(
      options_.profiler,
      {.activity = loss_activity_,
       .work = {.bytes = static_cast<double>(2 * truth.images * classes()) * sizeof(float)},
       .images = truth.images},
      &executor_);
  const float* outputs = runner_->outputs(logit_steps_);
  options_.loss->evaluate(*options_.kernels, executor_,
                          {.rows = truth.images,
                           .columns = classes(),
                           .outputs = outputs,
                           .labels = truth.labels.data(),
                           .targets = truth.targets.data(),
                           .losses = losses_.data(),
                           .d_outputs = runner_->d_outputs().data()});
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

std::string Model::non_finite_in_forward(std::int64_t images) {
  const Tensor& input = runner_->input();
  if (!options_.kernels->all_finite(images * network_.input_shape().elements(), input.data())) {
    return "input of the forward pass";
  }
  const std::optional<std::size_t> step = runner_->first_non_finite(images);
  return step ? "output of " + runner_->steps()[*step]->name() + " in the forward pass" : "loss in the forward pass";
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
