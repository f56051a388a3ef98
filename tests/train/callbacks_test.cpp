#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "support/error_matchers.hpp"
#include "support/small_training.hpp"
#include "support/temp_dir.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/layers/sgd.hpp"
#include "tilewise/train/callbacks/checkpointer.hpp"
#include "tilewise/train/callbacks/early_stopping.hpp"
#include "tilewise/train/callbacks/exponential_moving_average.hpp"
#include "tilewise/train/callbacks/reduce_lr_on_plateau.hpp"
#include "tilewise/train/callbacks/step_csv_log.hpp"
#include "tilewise/train/callbacks/stop_at_target.hpp"
#include "tilewise/train/fit.hpp"

namespace tilewise {
namespace {

using ::testing::ElementsAre;
using testing::quarters;
using testing::read_bytes;
using testing::small_convnet;
using testing::TempDir;
using testing::throws_line;
using testing::weights_of;

/// Halves the rate every step.
class Halving final : public Schedule {
 public:
  double learning_rate(std::int64_t step) const override {
    return std::ldexp(1.0, -static_cast<int>(step));
  }
};

class CallbacksTest : public ::testing::Test {
 protected:
  /// Tells a callback of one epoch after the other; returns the last one it was told of.
  int tell(Callback& callback, const std::vector<double>& values, const std::string& metric = "val_loss") {
    callback.on_train_begin(training_);
    int epoch = 0;
    for (const double value : values) {
      EpochRecord record{.epoch = ++epoch};
      if (metric == "loss") record.loss = value;
      if (metric == "accuracy") record.accuracy = value;
      record.val_loss = metric == "val_loss" ? value : 0.0;
      record.val_accuracy = metric == "val_accuracy" ? value : 0.0;
      callback.on_epoch_end(record);
      rates_.push_back(sgd_.learning_rate());
      if (callback.should_stop()) break;
    }
    return epoch;
  }

  Dataset data_ = quarters(30);
  Executor executor_{2};
  Model model_{small_convnet(), executor_, {.max_batch = 8, .seed = 5}};
  SGD sgd_{{.learning_rate = 1, .momentum = 0.5}};
  FitOptions options_{.epochs = 2, .validation = data_};
  Training training_{model_, sgd_, data_, options_};
  std::vector<double> rates_;  ///< after each epoch
  TempDir folder_;
};

// --- Early stopping. What it should do was worked out by hand from Keras's source.

TEST_F(CallbacksTest, EarlyStoppingWithoutPatience) {
  EarlyStopping stopping;
  EXPECT_EQ(tell(stopping, {3, 2, 1, 1, 0}), 4);
  EXPECT_EQ(stopping.stopped_epoch(), 4);
  EXPECT_EQ(stopping.best_epoch(), 3);
  EXPECT_EQ(tell(stopping, {3, 2, 1, 0}), 4);
  EXPECT_FALSE(stopping.should_stop());
}

TEST_F(CallbacksTest, EarlyStoppingWaits) {
  EarlyStopping stopping({.patience = 2});
  EXPECT_EQ(tell(stopping, {3, 4, 2, 3, 3, 1}), 5);
  EXPECT_EQ(stopping.best_epoch(), 3);
}

TEST_F(CallbacksTest, EarlyStoppingOfAnAccuracyWantsMore) {
  EarlyStopping stopping({.monitor = "val_accuracy"});
  EXPECT_EQ(tell(stopping, {0.1, 0.2, 0.2, 0.3}, "val_accuracy"), 3);
  EarlyStopping reversed({.monitor = "accuracy", .mode = MonitorMode::min});
  EXPECT_EQ(tell(reversed, {0.3, 0.2, 0.3}, "accuracy"), 3);
}

TEST_F(CallbacksTest, EarlyStoppingIgnoresSmallImprovements) {
  EarlyStopping stopping({.monitor = "loss", .min_delta = 0.5, .patience = 1});
  EXPECT_EQ(tell(stopping, {3, 2.25, 2, 1}, "loss"), 3);
  EarlyStopping exactly({.monitor = "loss", .min_delta = 0.5});
  EXPECT_EQ(tell(exactly, {3, 2.5, 1}, "loss"), 2);
}

TEST_F(CallbacksTest, EarlyStoppingStartsLate) {
  EarlyStopping stopping({.start_from_epoch = 3});
  EXPECT_EQ(tell(stopping, {1, 2, 3, 4, 3.5, 5, 5}), 6);
  EXPECT_EQ(stopping.best_epoch(), 5);
}

TEST_F(CallbacksTest, EarlyStoppingWithABaseline) {
  EarlyStopping stopping({.patience = 2, .baseline = 1.0});
  // Improves, but never below the baseline: the wait goes on, and ends it when an epoch does not improve.
  EXPECT_EQ(tell(stopping, {5, 4, 3, 4}), 4);
  EXPECT_EQ(tell(stopping, {5, 0.5, 0.6, 0.7}), 4);
}

TEST_F(CallbacksTest, NotANumberIsNoImprovement) {
  EarlyStopping stopping({.patience = 1});
  EXPECT_EQ(tell(stopping, {1, std::nan(""), 0.5}), 2);
}

TEST_F(CallbacksTest, EarlyStoppingRestoresTheBestWeights) {
  EarlyStopping stopping({.patience = 1, .restore_best_weights = true});
  stopping.on_train_begin(training_);
  const std::vector<float> first = weights_of(model_);
  stopping.on_epoch_end({.epoch = 1, .val_loss = 1});
  model_.edit_parameters([](std::span<Parameter> p) { p[0].value()[0] += 1; });
  stopping.on_epoch_end({.epoch = 2, .val_loss = 2});
  EXPECT_TRUE(stopping.should_stop());
  EXPECT_NE(weights_of(model_), first);
  stopping.on_train_end();
  EXPECT_EQ(weights_of(model_), first);
}

// --- ReduceLROnPlateau.

TEST_F(CallbacksTest, ReducesOnAPlateau) {
  ReduceLROnPlateau plateau({.factor = 0.5, .patience = 2});
  tell(plateau, {5, 5, 5, 5, 5, 4, 4, 4});
  EXPECT_THAT(rates_, ElementsAre(1, 1, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125));
}

TEST_F(CallbacksTest, ReductionIgnoresSmallImprovements) {
  ReduceLROnPlateau plateau({.factor = 0.5, .patience = 1});
  tell(plateau, {5, 4.99995, 4.5});  // min_delta is 1e-4
  EXPECT_THAT(rates_, ElementsAre(1, 0.5, 0.5));
}

TEST_F(CallbacksTest, ReductionCoolsDown) {
  ReduceLROnPlateau plateau({.factor = 0.5, .patience = 1, .cooldown = 3});
  tell(plateau, {5, 5, 5, 5, 5, 5, 5});
  // Reduced after epochs 2 and 5: in Keras the last epoch of the cooldown counts already.
  EXPECT_THAT(rates_, ElementsAre(1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25));
}

TEST_F(CallbacksTest, ReductionStopsAtItsLeastRate) {
  ReduceLROnPlateau plateau({.factor = 0.5, .patience = 1, .min_lr = 0.375});
  tell(plateau, {5, 5, 5, 5});
  EXPECT_THAT(rates_, ElementsAre(1, 0.5, 0.375, 0.375));
}

TEST_F(CallbacksTest, ReductionScalesASchedule) {
  const Halving schedule;
  ReduceLROnPlateau plateau({.monitor = "loss", .factor = 0.25, .patience = 1, .min_delta = 100});
  StepCsvLog log(folder_ / "steps.csv");
  Callback* const callbacks[] = {&plateau, &log};
  const History history = fit(model_, sgd_, data_,
                              {.epochs = 3, .batch_size = 8, .schedule = &schedule, .callbacks = callbacks});
  ASSERT_EQ(history.epochs.size(), 3U);
  // Four steps an epoch; the rate of an epoch's last step is its rate. Reduced after the second.
  EXPECT_EQ(history.epochs[0].learning_rate, std::ldexp(1, -3));
  EXPECT_EQ(history.epochs[1].learning_rate, std::ldexp(1, -7));
  EXPECT_EQ(history.epochs[2].learning_rate, std::ldexp(1, -13));
  EXPECT_NE(read_bytes(folder_ / "steps.csv").find(",0.0009765625\n"), std::string::npos);  // 2^-8 / 4
}

// --- What they share.

TEST_F(CallbacksTest, StopsAtTheTarget) {
  StopAtTarget loss("val_loss", 0.5);
  EXPECT_EQ(tell(loss, {1, 0.6, 0.5, 0.4}), 3);
  StopAtTarget accuracy("accuracy", 0.5);
  EXPECT_EQ(tell(accuracy, {0.1, 0.4, 0.6, 0.4}, "accuracy"), 3);
}

TEST_F(CallbacksTest, OptionsAreChecked) {
  EXPECT_THAT([] { EarlyStopping({.monitor = "val_f1"}); },
              throws_line<ArgumentError>("val_f1", "expected loss, accuracy, val_loss or val_accuracy"));
  EXPECT_THAT([] { EarlyStopping({.patience = -1}); }, throws_line<ArgumentError>("patience"));
  EXPECT_THAT([] { ReduceLROnPlateau({.factor = 1}); }, throws_line<ArgumentError>("factor 1"));
  EXPECT_THAT([] { ReduceLROnPlateau({.min_lr = -1}); }, throws_line<ArgumentError>("min_lr"));
  EXPECT_THAT([] { ExponentialMovingAverage({.momentum = 1}); }, throws_line<ArgumentError>("momentum"));
  EXPECT_THAT([] { Checkpointer({.folder = ".", .every_steps = -1}); }, throws_line<ArgumentError>("every_steps"));
  EXPECT_THAT([&] { StepCsvLog(folder_ / "x", {.every = 0}); }, throws_line<ArgumentError>("every 0"));
}

TEST_F(CallbacksTest, MonitoringNeedsValidationData) {
  EarlyStopping stopping;
  Callback* const callbacks[] = {&stopping};
  EXPECT_THAT([&] { fit(model_, sgd_, data_, {.callbacks = callbacks}); },
              throws_line<ArgumentError>("EarlyStopping", "\"val_loss\" without validation data"));
}

// --- StepCsvLog.

TEST_F(CallbacksTest, LogsSteps) {
  {
    StepCsvLog log(folder_ / "steps.csv", {.every = 2});
    for (std::int64_t step = 1; step <= 6; ++step) {
      log.on_step_end({.epoch = static_cast<int>(step / 4) + 1,
                       .global_step = step,
                       .batch = {.loss = 0.5 * static_cast<double>(step), .accuracy = 0.75},
                       .learning_rate = 0.001});
    }
  }
  const std::string header = "step,epoch,accuracy,loss,learning_rate\n";
  const std::string rows = "2,1,0.75,1,0.001\n4,2,0.75,2,0.001\n";
  EXPECT_EQ(read_bytes(folder_ / "steps.csv"), header + rows + "6,2,0.75,3,0.001\n");
  StepCsvLog(folder_ / "steps.csv", {.every = 2, .last_step = 5});
  EXPECT_EQ(read_bytes(folder_ / "steps.csv"), header + rows);
}

}  // namespace
}  // namespace tilewise
