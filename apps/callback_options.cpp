#include "apps/callback_options.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "apps/number_checks.hpp"
#include "tilewise/core/error.hpp"

namespace tilewise::app {
namespace {

constexpr std::array<std::string_view, 4> kMetrics = {"loss", "accuracy", "val_loss", "val_accuracy"};

CLI::IsMember is_metric() { return CLI::IsMember(std::vector<std::string>(kMetrics.begin(), kMetrics.end())); }

/// "val_accuracy=0.99". Throws ArgumentError.
std::pair<std::string, double> parse_target(const std::string& text) {
  const std::size_t equals = std::min(text.find('='), text.size());
  const std::string metric = text.substr(0, equals);
  double value = NAN;
  if (std::ranges::find(kMetrics, metric) == kMetrics.end() || equals == text.size() ||
      !CLI::detail::lexical_cast(text.substr(equals + 1), value) || !std::isfinite(value)) {
    throw ArgumentError(fmt::format("--target {}: expected METRIC=VALUE, as val_accuracy=0.99", text));
  }
  return {metric, value};
}

std::string monitor(const CallbackOptions& options) { return options.monitor.value_or("val_loss"); }

}  // namespace

void add_stopping_options(CLI::App& command, CallbackOptions& options) {
  command
      .add_option("--early-stopping", options.early_stopping,
                  "stop after so many epochs without improvement, with the weights of the best epoch")
      ->type_name("EPOCHS")
      ->check(from_zero());
  command
      .add_option("--monitor", options.monitor,
                  "what --early-stopping and --reduce-on-plateau watch: loss, accuracy, val_loss or "
                  "val_accuracy [val_loss]")
      ->type_name("METRIC")
      ->check(is_metric());
  command
      .add_option("--min-delta", options.min_delta,
                  "smallest change that they count as improvement [0, 0.0001 for --reduce-on-plateau]")
      ->check(from_zero());
  command
      .add_option("--target", options.target, "stop when a metric is good enough, as val_accuracy=0.99")
      ->type_name("METRIC=VALUE");
}

void add_plateau_options(CLI::App& command, CallbackOptions& options) {
  command
      .add_option("--reduce-on-plateau", options.reduce_on_plateau,
                  "factor, below 1, on the rate when training no longer improves; also beside a schedule")
      ->type_name("FACTOR")
      ->check(inside_zero_to_one());
  command
      .add_option("--plateau-patience", options.plateau_patience, "epochs without improvement before that [10]")
      ->type_name("EPOCHS")
      ->check(from_zero());
}

void add_saving_options(CLI::App& command, CallbackOptions& options) {
  command
      .add_option("--ema", options.ema,
                  "average the weights with this momentum, as 0.99; validate with the average and save it")
      ->type_name("MOMENTUM")
      ->check(below_one());
  command
      .add_option("--save-best", options.save_best,
                  "keep the weights of the epoch with the best METRIC in best.safetensors")
      ->type_name("METRIC")
      ->check(is_metric());
  command
      .add_option("--checkpoint-every", options.checkpoint_every,
                  "epochs between checkpoints; 0: only when training ends or is stopped")
      ->type_name("EPOCHS")
      ->capture_default_str()
      ->check(from_zero());
  command.add_option("--checkpoint-steps", options.checkpoint_steps, "a checkpoint also every so many steps")
      ->type_name("STEPS")
      ->check(above_zero());
  command.add_option("--log-steps", options.log_steps, "a row in steps.csv every so many steps")
      ->type_name("STEPS")
      ->check(above_zero());
}

void check(const CallbackOptions& options, bool has_validation) {
  const bool watches = options.early_stopping || options.reduce_on_plateau;
  const auto check_metric = [&](const char* option, const std::string& metric) {
    if (has_validation || !metric.starts_with("val_")) return;
    throw ArgumentError(fmt::format("{}: there is no {} with --validation-split 0", option, metric));
  };
  if (options.plateau_patience && !options.reduce_on_plateau) {
    throw ArgumentError("--plateau-patience: needs --reduce-on-plateau");
  }
  if (options.monitor && !watches) {
    throw ArgumentError("--monitor: needs --early-stopping or --reduce-on-plateau");
  }
  if (options.min_delta && !watches) {
    throw ArgumentError("--min-delta: needs --early-stopping or --reduce-on-plateau");
  }
  if (watches) check_metric(options.early_stopping ? "--early-stopping" : "--reduce-on-plateau", monitor(options));
  if (!options.target.empty()) check_metric("--target", parse_target(options.target).first);
  if (!options.save_best.empty()) check_metric("--save-best", options.save_best);
}

std::vector<std::pair<std::string, std::string>> describe(const CallbackOptions& options) {
  const std::string watched = fmt::format("monitor {}, min-delta {}", monitor(options),
                                          options.min_delta ? fmt::format("{}", *options.min_delta) : "default");
  const auto text = [&](const auto& option, const std::string& more) {
    return option ? fmt::format("{}{}", *option, more) : std::string("off");
  };
  const std::string plateau = fmt::format(", patience {}, {}", options.plateau_patience.value_or(10), watched);
  return {{"--early-stopping", text(options.early_stopping, ", " + watched)},
          {"--reduce-on-plateau", text(options.reduce_on_plateau, plateau)},
          {"--target", options.target.empty() ? "off" : options.target},
          {"--ema", text(options.ema, "")},
          {"--save-best", options.save_best.empty() ? "off" : options.save_best}};
}

SteeringCallbacks::SteeringCallbacks(const CallbackOptions& options) : target_text_(options.target) {
  if (options.ema) average_.emplace(ExponentialMovingAverageOptions{.momentum = *options.ema});
  if (options.early_stopping) {
    early_stopping_.emplace(EarlyStoppingOptions{.monitor = monitor(options),
                                                 .min_delta = options.min_delta.value_or(0),
                                                 .patience = *options.early_stopping,
                                                 .restore_best_weights = true,
                                                 .average = average()});
  }
  if (options.reduce_on_plateau) {
    ReduceLROnPlateauOptions plateau{.monitor = monitor(options), .factor = *options.reduce_on_plateau};
    plateau.patience = options.plateau_patience.value_or(plateau.patience);
    plateau.min_delta = options.min_delta.value_or(plateau.min_delta);
    plateau_.emplace(plateau);
  }
  if (!options.target.empty()) {
    const auto [metric, value] = parse_target(options.target);
    target_.emplace(metric, value);
  }
}

std::vector<Callback*> SteeringCallbacks::list() {
  std::vector<Callback*> callbacks;
  if (average_) callbacks.push_back(&*average_);
  if (early_stopping_) callbacks.push_back(&*early_stopping_);
  if (plateau_) callbacks.push_back(&*plateau_);
  if (target_) callbacks.push_back(&*target_);
  return callbacks;
}

std::string SteeringCallbacks::reason() const {
  if (target_ && target_->should_stop()) return fmt::format("Reached {}.", target_text_);
  if (early_stopping_ && early_stopping_->should_stop()) {
    return fmt::format("No improvement since epoch {}, whose weights are kept.", early_stopping_->best_epoch());
  }
  return {};
}

}  // namespace tilewise::app
