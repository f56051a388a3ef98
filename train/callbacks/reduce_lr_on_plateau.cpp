#include "tilewise/train/callbacks/reduce_lr_on_plateau.hpp"

#include <algorithm>
#include <utility>

#include "tilewise/core/error.hpp"
#include "tilewise/train/training.hpp"

namespace tilewise {

ReduceLROnPlateau::ReduceLROnPlateau(ReduceLROnPlateauOptions options)
    : options_(std::move(options)), monitor_(options_.monitor, options_.mode) {
  if (!(options_.factor > 0 && options_.factor < 1)) {
    throw ArgumentError("ReduceLROnPlateau: factor " + std::to_string(options_.factor) +
                        " is not between 0 and 1");
  }
  if (options_.patience < 0 || !(options_.min_delta >= 0) || options_.cooldown < 0 ||
      !(options_.min_lr >= 0)) {
    throw ArgumentError(
        "ReduceLROnPlateau: patience, min_delta, cooldown and min_lr must not be negative");
  }
}

void ReduceLROnPlateau::on_train_begin(Training& training) {
  monitor_.check(training, "ReduceLROnPlateau");
  training_ = &training;
  best_.reset();
  wait_ = cooldown_ = 0;
}

void ReduceLROnPlateau::on_epoch_end(const EpochRecord& record) {
  const double value = monitor_.value(record);
  if (cooldown_ > 0) {
    --cooldown_;
    wait_ = 0;
  }
  if (monitor_.improves(value, best_, options_.min_delta)) {
    best_ = value;
    wait_ = 0;
  } else if (cooldown_ == 0 && ++wait_ >= options_.patience) {
    reduce();
  }
}

void ReduceLROnPlateau::reduce() {
  const double rate = training_->optimizer.learning_rate();
  if (!(rate > options_.min_lr)) return;
  training_->scale_learning_rate(std::max(options_.factor, options_.min_lr / rate));
  cooldown_ = options_.cooldown;
  wait_ = 0;
}

CallbackState ReduceLROnPlateau::state() const {
  CallbackState state;
  if (best_) state.numbers["best"] = *best_;
  state.numbers["wait"] = wait_;
  state.numbers["cooldown"] = cooldown_;
  return state;
}

void ReduceLROnPlateau::restore(const CallbackState& state) {
  wait_ = state.integer("wait");
  cooldown_ = state.integer("cooldown");
  if (state.numbers.contains("best")) best_ = state.number("best");
}

}  // namespace tilewise
