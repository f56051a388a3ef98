#pragma once

#include <cstdint>
#include <string_view>

#include "tilewise/train/callback_state.hpp"
#include "tilewise/train/history.hpp"
#include "tilewise/train/metrics.hpp"

namespace tilewise {

struct Training;  // training.hpp

/// Where training stands after a step.
struct StepRecord {
  int epoch = 0;                 ///< from 1
  std::int64_t step = 0;         ///< in this epoch, from 1
  std::int64_t steps = 0;        ///< of this epoch
  std::int64_t global_step = 0;  ///< of the optimizer's whole life, from 1
  Metrics batch = {};            ///< of this step's batch
  Metrics metrics = {};          ///< of this epoch so far
  double learning_rate = 0;      ///< of this step
  double step_seconds = 0;       ///< mean of this epoch's steps, without the first if there are more
};

/// A moment between two steps at which every callback has been told of everything that happened.
struct SavePoint {
  bool epoch_end = false;  ///< after an epoch, its validation and on_epoch_end(), not just after a step
  bool last = false;       ///< training ends here
};

/// Something to be told how training goes, to act on it, and to stop it. Called on the thread that called
/// fit(), callback after callback in the order they were given. A callback of one's own derives from this
/// and overrides what it needs:
///
///   class Printer final : public tilewise::Callback {
///     void on_epoch_end(const EpochRecord& r) override { std::printf("%d %f\n", r.epoch, r.loss); }
///   };
class Callback {
 public:
  virtual ~Callback() = default;

  /// `training` is the model, the optimizer and the options; it lives until after on_train_end().
  virtual void on_train_begin(Training& training) { static_cast<void>(training); }
  /// Also of the epoch that a training resumes in, before restore().
  virtual void on_epoch_begin(int epoch) { static_cast<void>(epoch); }
  virtual void on_step_end(const StepRecord& record) { static_cast<void>(record); }
  /// Around the validation, if there is one.
  virtual void on_test_begin() {}
  virtual void on_test_end() {}
  virtual void on_epoch_end(const EpochRecord& record) { static_cast<void>(record); }
  /// After the on_step_end(), or on_epoch_end(), of all callbacks. Changes nothing in the training.
  virtual void on_save_point(const SavePoint& point) { static_cast<void>(point); }
  /// Unless an exception ends training.
  virtual void on_train_end() {}
  /// Asked at the beginning and after each step and each epoch; true ends training there.
  virtual bool should_stop() const { return false; }

  // For checkpoints, if the callback remembers something that later steps or epochs depend on.

  /// "early_stopping"; empty when there is nothing to remember.
  virtual std::string_view name() const { return {}; }
  virtual CallbackState state() const { return {}; }
  /// After on_train_begin(): goes on from there. Throws ArgumentError when the state is not one of its own.
  virtual void restore(const CallbackState& state) { static_cast<void>(state); }
};

}  // namespace tilewise
