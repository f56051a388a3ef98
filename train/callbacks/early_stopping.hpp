#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tilewise/train/callback.hpp"
#include "tilewise/train/callbacks/exponential_moving_average.hpp"
#include "tilewise/train/callbacks/monitor.hpp"
#include "tilewise/train/weights_copy.hpp"

namespace tilewise {

struct EarlyStoppingOptions {
  std::string monitor = "val_loss";
  double min_delta = 0;  ///< a smaller improvement is none
  int patience = 0;      ///< epochs without improvement after which training stops
  MonitorMode mode = MonitorMode::automatic;
  std::optional<double> baseline = std::nullopt;  ///< what has to be beaten, too, for patience to begin anew
  bool restore_best_weights = false;  ///< whether training ends with the weights of the best epoch
  int start_from_epoch = 0;           ///< epochs at the beginning that are not looked at
  /// If the epochs were validated with these averaged weights: the best weights are theirs.
  ExponentialMovingAverage* average = nullptr;
};

/// Stops training when a metric no longer improves: keras.callbacks.EarlyStopping with the same options,
/// defaults and rules (keras/src/callbacks/early_stopping.py). The best weights are restored whatever ends
/// the training.
class EarlyStopping final : public Callback {
 public:
  /// Throws ArgumentError for an unknown metric or an option below 0.
  explicit EarlyStopping(EarlyStoppingOptions options = {});

  /// Throws ArgumentError when there is nothing to monitor.
  void on_train_begin(Training& training) override;
  void on_epoch_end(const EpochRecord& record) override;
  void on_train_end() override;
  bool should_stop() const override { return stopped_epoch_ > 0; }

  /// The epoch that it stopped after, 0 if it did not; the best so far, 0 before there is one.
  int stopped_epoch() const { return stopped_epoch_; }
  int best_epoch() const { return best_epoch_; }

  std::string_view name() const override { return "early_stopping"; }
  CallbackState state() const override;
  void restore(const CallbackState& state) override;

 private:
  void keep_weights();

  EarlyStoppingOptions options_;
  Monitor monitor_;
  Model* model_ = nullptr;
  std::optional<double> best_;
  int best_epoch_ = 0;
  int wait_ = 0;
  int stopped_epoch_ = 0;
  WeightsCopy best_weights_;  ///< if they are to be restored
};

}  // namespace tilewise
