#include "tilewise/train/callbacks/early_stopping.hpp"

#include <utility>

#include "tilewise/core/error.hpp"
#include "tilewise/train/training.hpp"

namespace tilewise {

EarlyStopping::EarlyStopping(EarlyStoppingOptions options)
    : options_(std::move(options)), monitor_(options_.monitor, options_.mode) {
  if (!(options_.min_delta >= 0) || options_.patience < 0 || options_.start_from_epoch < 0) {
    throw ArgumentError("EarlyStopping: min_delta, patience and start_from_epoch must not be negative");
  }
}

void EarlyStopping::on_train_begin(Training& training) {
  monitor_.check(training, "EarlyStopping");
  model_ = &training.model;
  best_.reset();
  best_epoch_ = wait_ = stopped_epoch_ = 0;
  best_weights_ = WeightsCopy();
}

void EarlyStopping::on_epoch_end(const EpochRecord& record) {
  if (record.epoch <= options_.start_from_epoch) return;
  const double value = monitor_.value(record);
  ++wait_;
  if (monitor_.improves(value, best_, options_.min_delta)) {
    best_ = value;
    best_epoch_ = record.epoch;
    if (options_.restore_best_weights) keep_weights();
    if (!options_.baseline || monitor_.improves(value, options_.baseline, options_.min_delta)) {
      wait_ = 0;
    }
    return;
  }
  // As in Keras, not after the first epoch.
  if (wait_ >= options_.patience && record.epoch > 1) stopped_epoch_ = record.epoch;
}

void EarlyStopping::keep_weights() {
  std::optional<ExponentialMovingAverage::Swap> swap;
  if (options_.average != nullptr) swap.emplace(*options_.average);
  best_weights_ = WeightsCopy(*model_);
}

void EarlyStopping::on_train_end() {
  if (!best_weights_.empty()) best_weights_.copy_to(*model_);
}

CallbackState EarlyStopping::state() const {
  CallbackState state;
  if (best_) state.numbers["best"] = *best_;
  state.numbers["best_epoch"] = best_epoch_;
  state.numbers["wait"] = wait_;
  state.numbers["stopped_epoch"] = stopped_epoch_;
  if (!best_weights_.empty()) best_weights_.save(*model_, "best", state);
  return state;
}

void EarlyStopping::restore(const CallbackState& state) {
  best_epoch_ = state.integer("best_epoch");
  wait_ = state.integer("wait");
  stopped_epoch_ = state.integer("stopped_epoch");
  if (best_epoch_ == 0) return;
  best_ = state.number("best");
  if (options_.restore_best_weights) best_weights_.restore(*model_, "best", state);
}

}  // namespace tilewise
