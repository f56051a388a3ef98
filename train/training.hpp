#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tilewise/layers/model.hpp"
#include "tilewise/layers/optimizer.hpp"
#include "tilewise/layers/schedule.hpp"
#include "tilewise/train/augment.hpp"
#include "tilewise/train/callback.hpp"
#include "tilewise/train/dataset.hpp"
#include "tilewise/train/metrics.hpp"

namespace tilewise {

/// How far a training has come.
struct Progress {
  int epoch = 1;          ///< the one under way, from 1
  std::int64_t step = 0;  ///< steps done in it
  MetricsSum sum = {};    ///< over them
  double seconds = 0;     ///< spent on them
  double learning_rate_scale = 1;  ///< on what the schedule says

  int finished_epochs() const { return epoch - 1; }
};

/// All that a training remembers at a save point, but for the weights and the optimizer.
struct TrainingState {
  Progress progress;
  std::map<std::string, CallbackState> callbacks;  ///< by name
};

struct FitOptions {
  int epochs = 1;                                         ///< in all, with those before `start`
  std::optional<std::int64_t> batch_size = std::nullopt;  ///< at most the model's max_batch, the default
  AugmentOptions augment = {};  ///< how the training images are changed, from `seed`; never those for validation
  bool shuffle = true;  ///< a new order each epoch; which one depends on seed and epoch only
  std::uint64_t seed = 0;
  std::optional<DatasetView> validation = std::nullopt;
  /// Sets the learning rate before each step, from the optimizer's steps so far. As in Keras, an optimizer
  /// that has trained before goes on where it was in the schedule.
  const Schedule* schedule = nullptr;
  std::span<Callback* const> callbacks = {};
  /// Where to go on: the model and the optimizer have to be in the state that belongs to it, as
  /// load_checkpoint() leaves them.
  const TrainingState* start = nullptr;
  /// What else makes this training what it is, as (what, how), for example ("optimizer", "adam, epsilon
  /// 1e-7"): a checkpoint is not resumed by a training that differs.
  std::vector<std::pair<std::string, std::string>> description = {};
};

/// A training under way, as callbacks see it.
struct Training {
  Model& model;
  Optimizer& optimizer;
  DatasetView data;
  FitOptions options;
  Progress progress = {};  ///< fit() moves it

  /// Multiplies the learning rate of all steps to come, a schedule's, too.
  void scale_learning_rate(double factor);

  /// At a save point.
  TrainingState state() const;
  /// Throws ArgumentError unless `state` and this training have the same callbacks.
  void restore(const TrainingState& state);
};

/// The callbacks that have a name, under a unique one: "early_stopping", "early_stopping_1".
std::map<std::string, Callback*> named_callbacks(std::span<Callback* const> callbacks);

}  // namespace tilewise
