#include "apps/optimizer_options.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "apps/number_checks.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/layers/adamw.hpp"
#include "tilewise/layers/categorical_crossentropy.hpp"
#include "tilewise/layers/mean_squared_error.hpp"
#include "tilewise/layers/rmsprop.hpp"
#include "tilewise/layers/sgd.hpp"

namespace tilewise::app {
namespace {

using Names = std::vector<std::string_view>;

/// Throws ArgumentError if an option was given that only others than `chosen` have.
void check_applies(const char* option, bool given, std::string_view chosen, const Names& owners) {
  if (!given || std::ranges::find(owners, chosen) != owners.end()) return;
  std::string list;
  for (const std::string_view owner : owners) list += fmt::format("{}{}", list.empty() ? "" : " or ", owner);
  throw ArgumentError(fmt::format("{}: {} does not have it, only {}", option, chosen, list));
}

void check_applies(const OptimizerOptions& options) {
  const auto check = [&](const char* option, bool given, const Names& owners) {
    check_applies(option, given, options.optimizer, owners);
  };
  check("--momentum", options.momentum.has_value(), {"sgd", "rmsprop"});
  check("--nesterov", options.nesterov, {"sgd"});
  check("--beta-1", options.beta_1.has_value(), {"adam", "adamw"});
  check("--beta-2", options.beta_2.has_value(), {"adam", "adamw"});
  check("--epsilon", options.epsilon.has_value(), {"adam", "adamw", "rmsprop"});
  check("--rho", options.rho.has_value(), {"rmsprop"});
  check("--centered", options.centered, {"rmsprop"});
  if (options.nesterov && options.momentum.value_or(0) == 0) {
    throw ArgumentError("--nesterov: needs --momentum");
  }
  const Clipping& clipping = options.clipping;
  if (clipping.value.has_value() + clipping.norm.has_value() + clipping.global_norm.has_value() > 1) {
    throw ArgumentError("--clip-value, --clip-norm, --clip-global-norm: expected one of them at most");
  }
}

/// Sets the option of an optimizer that was given.
void set(double& option, const std::optional<double>& given) { option = given.value_or(option); }

/// What all optimizers have.
template <class Options>
Options common(const OptimizerOptions& options) {
  Options result;
  set(result.learning_rate, options.learning_rate);
  set(result.weight_decay, options.weight_decay);
  result.clipping = options.clipping;
  return result;
}

/// Of Adam and AdamW.
template <class Options>
Options adam(const OptimizerOptions& options) {
  auto result = common<Options>(options);
  set(result.beta_1, options.beta_1);
  set(result.beta_2, options.beta_2);
  set(result.epsilon, options.epsilon);
  return result;
}

}  // namespace

void add_optimizer_options(CLI::App& command, OptimizerOptions& options) {
  command.add_option("--optimizer", options.optimizer, "adam, adamw, sgd or rmsprop")
      ->capture_default_str()
      ->check(CLI::IsMember({"adam", "adamw", "sgd", "rmsprop"}));
  command.add_option("--lr", options.learning_rate, "learning rate [0.001, 0.01 for sgd]")
      ->check(from_zero());
  command.add_option("--momentum", options.momentum, "momentum of sgd and rmsprop, below 1 [0]")->check(below_one());
  command.add_flag("--nesterov", options.nesterov, "Nesterov's momentum, of sgd");
  command.add_option("--beta-1", options.beta_1, "decay of Adam's mean gradient [0.9]")->check(below_one());
  command.add_option("--beta-2", options.beta_2, "decay of Adam's mean square [0.999]")->check(below_one());
  command.add_option("--rho", options.rho, "decay of rmsprop's mean square [0.9]")->check(below_one());
  command.add_flag("--centered", options.centered, "rmsprop divides by the deviation, not the mean square");
  command.add_option("--epsilon", options.epsilon, "keeps adam, adamw and rmsprop from dividing by 0 [1e-7]")
      ->check(above_zero());
  command
      .add_option("--weight-decay", options.weight_decay,
                  "share of the weights, times the learning rate, that each step takes off "
                  "[0, 0.004 for adamw]")
      ->check(from_zero());
  command.add_option("--clip-value", options.clipping.value, "largest element of a gradient")->check(above_zero());
  command.add_option("--clip-norm", options.clipping.norm, "largest norm of a parameter's gradient")
      ->check(above_zero());
  command.add_option("--clip-global-norm", options.clipping.global_norm, "largest norm of all gradients together")
      ->check(above_zero());
}

void add_loss_options(CLI::App& command, OptimizerOptions& options) {
  command.add_option("--loss", options.loss, "cross-entropy, or mse: mean squared error")
      ->capture_default_str()
      ->check(CLI::IsMember({"cross-entropy", "mse"}));
  command
      .add_option("--label-smoothing", options.label_smoothing,
                  "share of a label that is spread over all classes [0]")
      ->check(zero_to_one());
  command.add_option("--l2", options.l2, "penalty on the squares of kernels, part of the loss")
      ->capture_default_str()
      ->check(from_zero());
}

std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options) {
  check_applies(options);
  if (options.optimizer == "sgd") {
    auto sgd = common<SGDOptions>(options);
    set(sgd.momentum, options.momentum);
    sgd.nesterov = options.nesterov;
    return std::make_unique<SGD>(sgd);
  }
  if (options.optimizer == "rmsprop") {
    auto rmsprop = common<RMSpropOptions>(options);
    set(rmsprop.rho, options.rho);
    set(rmsprop.momentum, options.momentum);
    set(rmsprop.epsilon, options.epsilon);
    rmsprop.centered = options.centered;
    return std::make_unique<RMSprop>(rmsprop);
  }
  if (options.optimizer == "adamw") return std::make_unique<AdamW>(adam<AdamWOptions>(options));
  return std::make_unique<Adam>(adam<AdamOptions>(options));
}

std::shared_ptr<const Loss> make_loss(const OptimizerOptions& options) {
  check_applies("--label-smoothing", options.label_smoothing.value_or(0) > 0, options.loss, {"cross-entropy"});
  if (options.loss == "mse") return std::make_shared<MeanSquaredError>();
  return std::make_shared<CategoricalCrossentropy>(
      CategoricalCrossentropyOptions{.label_smoothing = options.label_smoothing.value_or(0)});
}

std::string describe_optimizer(const OptimizerOptions& options) {
  std::string text =
      fmt::format("{}, lr {}", options.optimizer, make_optimizer(options)->learning_rate());
  for (const auto& [name, value] : {std::pair{"momentum", options.momentum},
                                    {"beta-1", options.beta_1},
                                    {"beta-2", options.beta_2},
                                    {"rho", options.rho},
                                    {"epsilon", options.epsilon},
                                    {"weight-decay", options.weight_decay},
                                    {"clip-value", options.clipping.value},
                                    {"clip-norm", options.clipping.norm},
                                    {"clip-global-norm", options.clipping.global_norm}}) {
    if (value) text += fmt::format(", {} {}", name, *value);
  }
  if (options.nesterov) text += ", nesterov";
  if (options.centered) text += ", centered";
  return text;
}

std::string describe_loss(const OptimizerOptions& options) {
  return fmt::format("{}, label-smoothing {}, l2 {}", options.loss, options.label_smoothing.value_or(0),
                     options.l2);
}

}  // namespace tilewise::app
