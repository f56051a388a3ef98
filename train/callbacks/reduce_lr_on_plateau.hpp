#pragma once

#include <optional>
#include <string>

#include "tilewise/train/callback.hpp"
#include "tilewise/train/callbacks/monitor.hpp"

namespace tilewise {

struct ReduceLROnPlateauOptions {
  std::string monitor = "val_loss";
  double factor = 0.1;  ///< new rate = factor * old rate
  int patience = 10;    ///< epochs without improvement before that
  MonitorMode mode = MonitorMode::automatic;
  double min_delta = 1e-4;  ///< a smaller improvement is none
  int cooldown = 0;         ///< epochs after a reduction that are not counted
  double min_lr = 0;        ///< no reduction goes below it
};

/// Lowers the learning rate when a metric no longer improves: keras.callbacks.ReduceLROnPlateau with the same
/// options, defaults and rules (keras/src/callbacks/reduce_lr_on_plateau.py). Beside a schedule, where
/// Keras refuses it, it scales whatever the schedule says from then on.
class ReduceLROnPlateau final : public Callback {
 public:
  /// Throws ArgumentError for an unknown metric, a factor outside (0, 1), or an option below 0.
  explicit ReduceLROnPlateau(ReduceLROnPlateauOptions options = {});

  /// Throws ArgumentError when there is nothing to monitor.
  void on_train_begin(Training& training) override;
  void on_epoch_end(const EpochRecord& record) override;

  std::string_view name() const override { return "reduce_lr_on_plateau"; }
  CallbackState state() const override;
  void restore(const CallbackState& state) override;

 private:
  void reduce();

  ReduceLROnPlateauOptions options_;
  Monitor monitor_;
  Training* training_ = nullptr;
  std::optional<double> best_;
  int wait_ = 0;
  int cooldown_ = 0;  ///< epochs left of it
};

}  // namespace tilewise
