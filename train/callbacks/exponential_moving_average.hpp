#pragma once

#include <cstdint>
#include <vector>

#include "tilewise/train/callback.hpp"
#include "tilewise/train/weights_copy.hpp"

namespace tilewise {

struct ExponentialMovingAverageOptions {
  double momentum = 0.99;        ///< Keras's ema_momentum: the decay of what was averaged before
  bool test = true;              ///< validate with the average
  bool overwrite_at_end = true;  ///< leave the average in the model, as Keras does
};

/// Keeps an average of the weights, which often does better than the weights themselves. After each step
///
///   average = momentum * average + (1 - momentum) * weights
///
/// and after the first step of all, average = weights. Of what is not trained, as moving statistics, it has
/// the values of the last step. This is the optimizers' use_ema in Keras
/// (keras/src/optimizers/base_optimizer.py, _update_model_variables_moving_average). An average over
/// iterates is due to B. Polyak, A. Juditsky, "Acceleration of stochastic approximation by averaging",
/// SIAM J. Control Optim. 30 (1992), doi:10.1137/0330046.
///
/// Goes before callbacks that save or restore weights.
class ExponentialMovingAverage final : public Callback {
 public:
  /// While it lives, the model has the averaged weights, and the average is not to be looked at. No training
  /// step may be taken.
  class Swap {
   public:
    explicit Swap(ExponentialMovingAverage& average) : average_(average) { average_.swap(); }
    ~Swap() { average_.swap(); }
    Swap(const Swap&) = delete;
    Swap& operator=(const Swap&) = delete;

   private:
    ExponentialMovingAverage& average_;
  };

  /// Throws ArgumentError unless 0 <= momentum < 1.
  explicit ExponentialMovingAverage(const ExponentialMovingAverageOptions& options = {});

  void on_train_begin(Training& training) override;
  void on_step_end(const StepRecord& record) override;
  void on_test_begin() override;
  void on_test_end() override;
  void on_train_end() override;

  std::string_view name() const override { return "exponential_moving_average"; }
  CallbackState state() const override;
  void restore(const CallbackState& state) override;

 private:
  /// A piece of a parameter that one task averages.
  struct Block {
    std::size_t parameter;
    std::int64_t first, count;
  };

  void swap();

  ExponentialMovingAverageOptions options_;
  Model* model_ = nullptr;
  WeightsCopy average_;
  bool started_ = false;  ///< whether a step was averaged
  std::vector<Block> blocks_;
};

}  // namespace tilewise
