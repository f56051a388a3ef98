#include "apps/schedule_options.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "apps/number_checks.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/layers/cosine_decay.hpp"
#include "tilewise/layers/exponential_decay.hpp"
#include "tilewise/layers/one_cycle.hpp"
#include "tilewise/layers/step_decay.hpp"

namespace tilewise::app {
namespace {

using Names = std::initializer_list<std::string_view>;

/// Whether its shape depends on the number of epochs.
bool spans_training(const ScheduleOptions& options) {
  return options.schedule == "cosine" || options.schedule == "one-cycle";
}

void check(const ScheduleOptions& options, double learning_rate, const TrainingLength& length) {
  const auto check_applies = [&](const char* option, bool given, Names owners) {
    if (!given || std::ranges::find(owners, options.schedule) != owners.end()) return;
    throw ArgumentError(fmt::format("{}: --schedule {} does not have it, only {} or {}", option,
                                    options.schedule, *owners.begin(), *(owners.end() - 1)));
  };
  check_applies("--gamma", options.gamma.has_value(), {"step", "exponential"});
  check_applies("--step-epochs", options.step_epochs.has_value(), {"step", "exponential"});
  check_applies("--warmup-epochs", options.warmup_epochs.has_value(), {"cosine", "one-cycle"});
  check_applies("--min-lr", options.min_lr.has_value(), {"cosine", "one-cycle"});
  if (options.warmup_epochs.value_or(0) >= length.epochs) {
    throw ArgumentError(fmt::format("--warmup-epochs {}: expected less than --epochs {}",
                                    *options.warmup_epochs, length.epochs));
  }
  if (options.min_lr && *options.min_lr > learning_rate) {
    throw ArgumentError(
        fmt::format("--min-lr {}: is more than the learning rate, --lr {}", *options.min_lr, learning_rate));
  }
}

/// The steps of `epochs`, at least one.
std::int64_t steps(double epochs, const TrainingLength& length) {
  return std::max<std::int64_t>(1, std::llround(epochs * static_cast<double>(length.epoch_steps)));
}

std::unique_ptr<Schedule> make_cosine(const ScheduleOptions& options, double learning_rate,
                                      const TrainingLength& length) {
  const double warmup = options.warmup_epochs.value_or(0);
  CosineDecayOptions cosine{
      .initial_learning_rate = learning_rate,
      .decay_steps = steps(length.epochs - warmup, length),
      .alpha = learning_rate > 0 ? options.min_lr.value_or(0) / learning_rate : 0};
  if (warmup > 0) {
    cosine.initial_learning_rate = 0;
    cosine.warmup_target = learning_rate;
    cosine.warmup_steps = steps(warmup, length);
  }
  return std::make_unique<CosineDecay>(cosine);
}

std::unique_ptr<Schedule> make_one_cycle(const ScheduleOptions& options, double learning_rate,
                                         const TrainingLength& length) {
  OneCycleOptions cycle{.max_learning_rate = learning_rate, .total_steps = steps(length.epochs, length)};
  if (options.warmup_epochs) cycle.pct_start = *options.warmup_epochs / length.epochs;
  if (options.min_lr.value_or(0) > 0) {
    cycle.final_div_factor = learning_rate / cycle.div_factor / *options.min_lr;
  }
  return std::make_unique<OneCycle>(cycle);
}

}  // namespace

void add_schedule_options(CLI::App& command, ScheduleOptions& options) {
  command
      .add_option("--schedule", options.schedule,
                  "how the learning rate changes: constant, step, exponential, cosine or one-cycle")
      ->capture_default_str()
      ->check(CLI::IsMember({"constant", "step", "exponential", "cosine", "one-cycle"}));
  command.add_option("--gamma", options.gamma, "factor of step [0.1] and exponential [0.9]")
      ->check(above_zero());
  command
      .add_option("--step-epochs", options.step_epochs,
                  "epochs in which the rate falls by the factor [10 for step, 1 for exponential]")
      ->check(number_of_epochs());
  command
      .add_option("--warmup-epochs", options.warmup_epochs,
                  "epochs in which the rate rises, of cosine [0] and one-cycle [0.3 of all]")
      ->check(from_zero());
  command
      .add_option("--min-lr", options.min_lr,
                  "last rate of cosine [0] and one-cycle [lr / 250000]")
      ->check(from_zero());
}

std::unique_ptr<Schedule> make_schedule(const ScheduleOptions& options, double learning_rate,
                                        const TrainingLength& length) {
  check(options, learning_rate, length);
  if (options.schedule == "step") {
    return std::make_unique<StepDecay>(
        StepDecayOptions{.initial_learning_rate = learning_rate,
                         .decay_steps = steps(options.step_epochs.value_or(10), length),
                         .gamma = options.gamma.value_or(0.1)});
  }
  if (options.schedule == "exponential") {
    return std::make_unique<ExponentialDecay>(
        ExponentialDecayOptions{.initial_learning_rate = learning_rate,
                                .decay_steps = steps(options.step_epochs.value_or(1), length),
                                .decay_rate = options.gamma.value_or(0.9)});
  }
  if (options.schedule == "cosine") return make_cosine(options, learning_rate, length);
  if (options.schedule == "one-cycle") return make_one_cycle(options, learning_rate, length);
  return nullptr;
}

std::string describe_schedule(const ScheduleOptions& options, const TrainingLength& length) {
  std::string text = options.schedule;
  for (const auto& [name, value] : {std::pair{"gamma", options.gamma},
                                    {"step-epochs", options.step_epochs},
                                    {"warmup-epochs", options.warmup_epochs},
                                    {"min-lr", options.min_lr}}) {
    if (value) text += fmt::format(", {} {}", name, *value);
  }
  if (spans_training(options)) text += fmt::format(", epochs {}", length.epochs);
  return text;
}

}  // namespace tilewise::app
