#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tilewise/train/callbacks/early_stopping.hpp"
#include "tilewise/train/callbacks/exponential_moving_average.hpp"
#include "tilewise/train/callbacks/reduce_lr_on_plateau.hpp"
#include "tilewise/train/callbacks/stop_at_target.hpp"

namespace tilewise::app {

/// The options of `tilewise train` that watch the training: stop it, average its weights, save it.
struct CallbackOptions {
  std::optional<int> early_stopping = std::nullopt;  ///< patience
  std::optional<double> reduce_on_plateau = std::nullopt;  ///< factor
  std::optional<int> plateau_patience = std::nullopt;
  std::optional<std::string> monitor = std::nullopt;
  std::optional<double> min_delta = std::nullopt;
  std::string target;  ///< METRIC=VALUE; empty: none
  std::optional<double> ema = std::nullopt;
  std::string save_best;  ///< a metric; empty: not
  int checkpoint_every = 1;
  std::int64_t checkpoint_steps = 0;
  std::int64_t log_steps = 0;
};

void add_stopping_options(CLI::App& command, CallbackOptions& options);
void add_plateau_options(CLI::App& command, CallbackOptions& options);
void add_saving_options(CLI::App& command, CallbackOptions& options);

/// Throws ArgumentError when an option has nothing to act on.
void check(const CallbackOptions& options, bool has_validation);

/// As (what, how), for FitOptions::description.
std::vector<std::pair<std::string, std::string>> describe(const CallbackOptions& options);

/// The callbacks that were asked for and that steer the training.
class SteeringCallbacks {
 public:
  /// Throws ArgumentError when an option is out of range.
  explicit SteeringCallbacks(const CallbackOptions& options);
  SteeringCallbacks(const SteeringCallbacks&) = delete;
  SteeringCallbacks& operator=(const SteeringCallbacks&) = delete;

  /// In the order that they have to be in, before all that save or log.
  std::vector<Callback*> list();

  ExponentialMovingAverage* average() { return average_ ? &*average_ : nullptr; }

  /// What ended the training, in a line; empty if none of these did.
  std::string reason() const;

 private:
  std::string target_text_;
  std::optional<ExponentialMovingAverage> average_;
  std::optional<EarlyStopping> early_stopping_;
  std::optional<ReduceLROnPlateau> plateau_;
  std::optional<StopAtTarget> target_;
};

}  // namespace tilewise::app
