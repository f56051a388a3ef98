#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "tilewise/train/callback.hpp"
#include "tilewise/train/callbacks/exponential_moving_average.hpp"
#include "tilewise/train/callbacks/monitor.hpp"
#include "tilewise/train/fingerprint.hpp"

namespace tilewise {

struct CheckpointerOptions {
  std::filesystem::path folder;  ///< must exist, and belong to this training alone
  int every_epochs = 1;          ///< 0: not after epochs
  std::int64_t every_steps = 0;  ///< 0: not after steps; counted over all epochs
  /// The metric by which the best weights are kept; empty if they are not.
  std::string monitor = {};
  MonitorMode mode = MonitorMode::automatic;
  /// If the epochs were validated with these averaged weights: the best weights are theirs.
  ExponentialMovingAverage* average = nullptr;
};

/// Keeps in a folder
///
///   checkpoint.safetensors   the latest checkpoint (checkpoint.hpp), also when training ends or is stopped
///   best.safetensors         the weights (weights_file.hpp) of the epoch that was best so far, if asked for
///
/// of which each is replaced at once: at any moment the folder holds whole files. What is better is decided as by
/// keras.callbacks.ModelCheckpoint with save_best_only (keras/src/callbacks/model_checkpoint.py).
class Checkpointer final : public Callback {
 public:
  /// Throws ArgumentError for an unknown metric, a number below 0.
  explicit Checkpointer(CheckpointerOptions options);

  std::filesystem::path last() const { return options_.folder / "checkpoint.safetensors"; }
  std::filesystem::path best() const { return options_.folder / "best.safetensors"; }

  /// Reads all data for the fingerprint, and removes what killed processes left half written in the folder.
  /// Throws FileError when the folder cannot be written to, ArgumentError when there is nothing to monitor.
  void on_train_begin(Training& training) override;
  /// Throw FileError when a file cannot be written.
  void on_epoch_end(const EpochRecord& record) override;
  void on_save_point(const SavePoint& point) override;

  std::string_view name() const override { return "checkpointer"; }
  CallbackState state() const override;
  void restore(const CallbackState& state) override;

 private:
  bool wants(const SavePoint& point) const;

  CheckpointerOptions options_;
  std::optional<Monitor> monitor_;
  Training* training_ = nullptr;
  Fingerprint fingerprint_;
  std::optional<double> best_value_;
};

}  // namespace tilewise
