#include "tilewise/train/callbacks/checkpointer.hpp"

#include <utility>

#include "tilewise/core/error.hpp"
#include "tilewise/train/atomic_file.hpp"
#include "tilewise/train/checkpoint.hpp"
#include "tilewise/train/divergence.hpp"
#include "tilewise/train/weights_file.hpp"

namespace tilewise {

Checkpointer::Checkpointer(CheckpointerOptions options) : options_(std::move(options)) {
  if (options_.every_epochs < 0 || options_.every_steps < 0) {
    throw ArgumentError("Checkpointer: every_epochs and every_steps must not be negative");
  }
  if (!options_.monitor.empty()) monitor_.emplace(options_.monitor, options_.mode);
}

void Checkpointer::on_train_begin(Training& training) {
  if (monitor_) monitor_->check(training, "Checkpointer");
  training_ = &training;
  best_value_.reset();
  // Better now than after an hour.
  check_can_write(last());
  if (monitor_) check_can_write(best());
  remove_leftovers(options_.folder);
  fingerprint_ = fingerprint(training.model, training.optimizer, training.data, training.options);
}

void Checkpointer::on_epoch_end(const EpochRecord& record) {
  if (!monitor_) return;
  const double value = monitor_->value(record);
  if (!monitor_->improves(value, best_value_)) return;
  best_value_ = value;
  std::optional<ExponentialMovingAverage::Swap> swap;
  if (options_.average != nullptr) swap.emplace(*options_.average);
  save_weights(best(), training_->model);
}

void Checkpointer::on_save_point(const SavePoint& point) {
  if (!wants(point)) return;
  // A checkpoint of a ruined training would replace the last good one.
  check_finite(training_->model,
               "after step " + std::to_string(training_->optimizer.steps()) + ", to be saved");
  save_checkpoint(last(), *training_, fingerprint_);
}

bool Checkpointer::wants(const SavePoint& point) const {
  if (point.last) return true;
  if (point.epoch_end) {
    return options_.every_epochs > 0 &&
           training_->progress.finished_epochs() % options_.every_epochs == 0;
  }
  return options_.every_steps > 0 && training_->optimizer.steps() % options_.every_steps == 0;
}

CallbackState Checkpointer::state() const {
  CallbackState state;
  if (best_value_) state.numbers["best"] = *best_value_;
  return state;
}

void Checkpointer::restore(const CallbackState& state) {
  best_value_.reset();
  if (state.numbers.contains("best")) best_value_ = state.number("best");
}

}  // namespace tilewise
