#pragma once

#include <string>

#include "tilewise/train/callback.hpp"
#include "tilewise/train/callbacks/monitor.hpp"

namespace tilewise {

/// Stops training after the first epoch whose metric is `target` or better: at least the target for
/// accuracies, at most it for losses.
class StopAtTarget final : public Callback {
 public:
  /// Throws ArgumentError for an unknown metric.
  StopAtTarget(const std::string& metric, double target) : monitor_(metric), target_(target) {}

  /// Throws ArgumentError when there is no such metric without validation data.
  void on_train_begin(Training& training) override {
    monitor_.check(training, "StopAtTarget");
    reached_ = false;
  }
  void on_epoch_end(const EpochRecord& record) override {
    reached_ = reached_ || monitor_.reaches(monitor_.value(record), target_);
  }
  bool should_stop() const override { return reached_; }

  std::string_view name() const override { return "stop_at_target"; }
  CallbackState state() const override {
    CallbackState state;
    state.numbers["reached"] = reached_ ? 1 : 0;
    return state;
  }
  void restore(const CallbackState& state) override { reached_ = state.number("reached") != 0; }

 private:
  Monitor monitor_;
  double target_;
  bool reached_ = false;
};

}  // namespace tilewise
