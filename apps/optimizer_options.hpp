#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>

#include "tilewise/layers/clipping.hpp"
#include "tilewise/layers/loss.hpp"
#include "tilewise/layers/optimizer.hpp"

namespace tilewise::app {

/// The options of `tilewise train` that say how gradients become new weights, and of what loss. What was
/// not given has the library's default, which depends on the optimizer.
struct OptimizerOptions {
  std::string optimizer = "adam";
  std::optional<double> learning_rate = std::nullopt;
  std::optional<double> momentum = std::nullopt;
  bool nesterov = false;
  std::optional<double> beta_1 = std::nullopt;
  std::optional<double> beta_2 = std::nullopt;
  std::optional<double> epsilon = std::nullopt;
  std::optional<double> rho = std::nullopt;
  bool centered = false;
  std::optional<double> weight_decay = std::nullopt;
  Clipping clipping = {};
  double l2 = 0;
  std::string loss = "cross-entropy";
  std::optional<double> label_smoothing = std::nullopt;
};

void add_optimizer_options(CLI::App& command, OptimizerOptions& options);
void add_loss_options(CLI::App& command, OptimizerOptions& options);

/// Throws ArgumentError when an option is out of range, or is none of this optimizer's: it says whose.
std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options);

/// Throws ArgumentError likewise.
std::shared_ptr<const Loss> make_loss(const OptimizerOptions& options);

/// All that was said about the optimizer and about the loss, as text that tells any two apart.
std::string describe_optimizer(const OptimizerOptions& options);
std::string describe_loss(const OptimizerOptions& options);

}  // namespace tilewise::app
