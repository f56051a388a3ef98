#include "tilewise/train/callbacks/exponential_moving_average.hpp"

#include <algorithm>

#include "tilewise/layers/check_option.hpp"
#include "tilewise/train/training.hpp"

namespace tilewise {

ExponentialMovingAverage::ExponentialMovingAverage(const ExponentialMovingAverageOptions& options)
    : options_(options) {
  check_option(is_decay(options.momentum), "ExponentialMovingAverage", "momentum", options.momentum,
               "in [0, 1), as a float");
}

void ExponentialMovingAverage::on_train_begin(Training& training) {
  constexpr std::int64_t kBlock = 4096;
  model_ = &training.model;
  average_ = WeightsCopy(*model_);
  started_ = false;
  blocks_.clear();
  for (std::size_t i = 0; i < model_->parameters().size(); ++i) {
    const std::int64_t size = model_->parameters()[i].size();
    for (std::int64_t first = 0; first < size; first += kBlock) {
      blocks_.push_back({i, first, std::min(kBlock, size - first)});
    }
  }
}

void ExponentialMovingAverage::on_step_end(const StepRecord&) {
  constexpr double kNanoseconds = 0.5;  // per float
  if (!started_) {
    average_.copy_from(*model_);
    started_ = true;
    return;
  }
  const auto momentum = static_cast<float>(options_.momentum);
  const auto floats = static_cast<double>(model_->network().parameter_count());
  model_->executor().parallel_for(
      static_cast<std::int64_t>(blocks_.size()), kNanoseconds * floats,
      [&](std::int64_t index, int) {
        const Block& block = blocks_[static_cast<std::size_t>(index)];
        const Parameter& parameter = model_->parameters()[block.parameter];
        const float* const weights = parameter.value() + block.first;
        float* const average = average_.tensors()[block.parameter].data() + block.first;
        if (parameter.trainable()) {
          model_->kernels().moving_average(momentum, block.count, weights, average);
        } else {
          std::copy_n(weights, block.count, average);
        }
      });
}

void ExponentialMovingAverage::on_test_begin() {
  if (options_.test) swap();
}

void ExponentialMovingAverage::on_test_end() {
  if (options_.test) swap();
}

void ExponentialMovingAverage::on_train_end() {
  if (options_.overwrite_at_end && started_) average_.copy_to(*model_);
}

CallbackState ExponentialMovingAverage::state() const {
  CallbackState state;
  state.numbers["started"] = started_ ? 1 : 0;
  if (model_ != nullptr) average_.save(*model_, "average", state);
  return state;
}

void ExponentialMovingAverage::restore(const CallbackState& state) {
  started_ = state.number("started") != 0;
  average_.restore(*model_, "average", state);
}

void ExponentialMovingAverage::swap() { average_.swap_with(*model_); }

}  // namespace tilewise
