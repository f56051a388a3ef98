#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "support/error_matchers.hpp"
#include "support/file_size_limit.hpp"
#include "support/small_training.hpp"
#include "support/temp_dir.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/layers/adam.hpp"
#include "tilewise/layers/sgd.hpp"
#include "tilewise/train/callbacks/checkpointer.hpp"
#include "tilewise/train/callbacks/early_stopping.hpp"
#include "tilewise/train/callbacks/exponential_moving_average.hpp"
#include "tilewise/train/callbacks/reduce_lr_on_plateau.hpp"
#include "tilewise/train/callbacks/step_csv_log.hpp"
#include "tilewise/train/callbacks/stop_at_target.hpp"
#include "tilewise/train/checkpoint.hpp"
#include "tilewise/train/fit.hpp"
#include "tilewise/train/weights_file.hpp"

namespace tilewise {
namespace {

using ::testing::ElementsAre;
using testing::FileSizeLimit;
using testing::quarters;
using testing::read_bytes;
using testing::small_convnet;
using testing::small_resnet;
using testing::TempDir;
using testing::throws_line;
using testing::write_bytes;

/// Halves the rate every step.
class Halving final : public Schedule {
 public:
  double learning_rate(std::int64_t step) const override {
    return std::ldexp(1.0, -static_cast<int>(step));
  }
};

std::vector<float> weights_of(const Model& model) {
  std::vector<float> all;
  for (const Parameter& parameter : model.parameters()) {
    all.insert(all.end(), parameter.value(), parameter.value() + parameter.size());
  }
  return all;
}

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

// --- The average of the weights.

/// The average in double, made from the weights after each step.
class ReferenceAverage final : public Callback {
 public:
  explicit ReferenceAverage(double momentum) : momentum_(momentum) {}
  void on_train_begin(Training& training) override { model_ = &training.model; }
  void on_step_end(const StepRecord&) override {
    const std::vector<float> weights = weights_of(*model_);
    if (average.empty()) average.assign(weights.begin(), weights.end());
    for (std::size_t i = 0; i < weights.size(); ++i) {
      average[i] = momentum_ * average[i] + (1 - momentum_) * static_cast<double>(weights[i]);
    }
    last = weights;
  }

  std::vector<double> average;
  std::vector<float> last;

 private:
  double momentum_;
  Model* model_ = nullptr;
};

TEST_F(CallbacksTest, AveragesWeightsAndLeavesTheAverage) {
  ExponentialMovingAverage average({.momentum = 0.75});
  ReferenceAverage reference(0.75);
  Callback* const callbacks[] = {&average, &reference};
  fit(model_, sgd_, data_, {.epochs = 2, .batch_size = 8, .callbacks = callbacks});
  const std::vector<float> weights = weights_of(model_);
  ASSERT_EQ(weights.size(), reference.average.size());
  double largest_move = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    // Eight averages, each a product, a product and a sum of values below 4.
    ASSERT_NEAR(weights[i], reference.average[i], 8 * 3 * 4 * 0x1p-24);
    largest_move = std::max(largest_move, std::abs(reference.average[i] - reference.last[i]));
  }
  EXPECT_GT(largest_move, 1e-3);
}

// Moving statistics are averages already: the model's last ones are left.
TEST_F(CallbacksTest, AveragesOnlyWhatIsTrained) {
  Model averaged(small_resnet(), executor_, {.max_batch = 8, .seed = 5});
  Model plain(small_resnet(), executor_, {.max_batch = 8, .seed = 5});
  ExponentialMovingAverage average({.momentum = 0.75});
  Callback* const callbacks[] = {&average};
  SGD one({.learning_rate = 0.1}), other({.learning_rate = 0.1});
  fit(averaged, one, data_, {.epochs = 2, .batch_size = 8, .callbacks = callbacks});
  fit(plain, other, data_, {.epochs = 2, .batch_size = 8});
  int statistics = 0;
  for (std::size_t i = 0; i < plain.parameters().size(); ++i) {
    const Parameter& expected = plain.parameters()[i];
    const Parameter& found = averaged.parameters()[i];
    EXPECT_NE(std::equal(expected.value(), expected.value() + expected.size(), found.value()),
              expected.trainable())
        << expected.name();
    statistics += expected.trainable() ? 0 : 1;
  }
  EXPECT_EQ(statistics, 4);
}

TEST_F(CallbacksTest, AverageIsTheSameOnAnyNumberOfThreads) {
  // 70,000 weights: several threads take part.
  Sequential network({8, 8, 1});
  network.add(Flatten()).add(Dense({.units = 1000})).add(Dense({.units = 4}));
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2, 3, 5}) {
    Executor executor(threads);
    Model model(network, executor, {.max_batch = 8, .seed = 5});
    SGD sgd;
    ExponentialMovingAverage average({.momentum = 0.9});
    Callback* const callbacks[] = {&average};
    fit(model, sgd, data_, {.epochs = 2, .batch_size = 8, .callbacks = callbacks});
    results.push_back(weights_of(model));
    EXPECT_EQ(results.back(), results.front()) << threads;
  }
}

/// Notes the weights that an epoch is validated with, and those that it ends with.
class WeightsSeen final : public Callback {
 public:
  void on_train_begin(Training& training) override { model_ = &training.model; }
  void on_test_begin() override { tested = weights_of(*model_); }
  void on_epoch_end(const EpochRecord&) override { trained = weights_of(*model_); }

  std::vector<float> tested, trained;

 private:
  Model* model_ = nullptr;
};

TEST_F(CallbacksTest, ValidatesWithTheAverage) {
  for (const bool test : {true, false}) {
    Model model(small_convnet(), executor_, {.max_batch = 8, .seed = 5});
    SGD sgd({.learning_rate = 0.1});
    ExponentialMovingAverage average({.test = test, .overwrite_at_end = false});
    WeightsSeen seen;
    Callback* const callbacks[] = {&average, &seen};
    const History history = fit(model, sgd, data_, {.epochs = 1, .validation = data_, .callbacks = callbacks});
    EXPECT_EQ(seen.tested != seen.trained, test);
    EXPECT_EQ(weights_of(model), seen.trained);
    const ExponentialMovingAverage::Swap swap(average);
    EXPECT_EQ(weights_of(model) == seen.tested, test);
    if (test) {
      EXPECT_EQ(evaluate(model, data_).loss, history.epochs[0].val_loss);
    }
  }
}

TEST_F(CallbacksTest, EarlyStoppingKeepsTheAverage) {
  ExponentialMovingAverage average;
  EarlyStopping stopping({.restore_best_weights = true, .average = &average});
  WeightsSeen seen;
  Callback* const callbacks[] = {&average, &stopping, &seen};
  SGD sgd({.learning_rate = 0.1});
  fit(model_, sgd, data_, {.epochs = 1, .validation = data_, .callbacks = callbacks});
  EXPECT_EQ(weights_of(model_), seen.tested);
}

// --- Checkpointer.

TEST_F(CallbacksTest, SavesAfterEpochsStepsAndAtTheEnd) {
  struct Case {
    int every_epochs;
    std::int64_t every_steps;
    std::vector<std::int64_t> saved;  ///< optimizer steps of the checkpoint, after each save point
  };
  // Two epochs of four steps.
  const std::vector<Case> cases = {{1, 0, {0, 0, 0, 0, 4, 4, 4, 4, 4, 8}},
                                   {0, 3, {0, 0, 3, 3, 3, 3, 6, 6, 6, 8}},
                                   {0, 0, {0, 0, 0, 0, 0, 0, 0, 0, 0, 8}},
                                   {2, 5, {0, 0, 0, 0, 0, 5, 5, 5, 5, 8}}};
  for (const Case& c : cases) {
    const TempDir folder;
    Model model(small_convnet(), executor_, {.max_batch = 8, .seed = 5});
    Adam adam;
    Checkpointer checkpointer(
        {.folder = folder.path(), .every_epochs = c.every_epochs, .every_steps = c.every_steps});
    std::vector<std::int64_t> saved;
    testing::AtSavePoint look([&](Training&, const SavePoint&) {
      Model other(small_convnet(), executor_, {.max_batch = 8, .seed = 5});
      Adam loaded;
      if (std::filesystem::exists(checkpointer.last())) {
        load_checkpoint(checkpointer.last(), other, loaded, data_, {});
      }
      saved.push_back(loaded.steps());
    });
    Callback* const callbacks[] = {&checkpointer, &look};
    fit(model, adam, data_, {.epochs = 2, .callbacks = callbacks});
    EXPECT_EQ(saved, c.saved);
    EXPECT_THAT(folder.names(), ElementsAre("checkpoint.safetensors"));
  }
}

TEST_F(CallbacksTest, SavesWhenTrainingIsStopped) {
  class StopAtThree final : public Callback {
   public:
    void on_step_end(const StepRecord& record) override { stop_ = record.global_step == 3; }
    bool should_stop() const override { return stop_; }

   private:
    bool stop_ = false;
  };
  StopAtThree stop;
  Checkpointer checkpointer({.folder = folder_.path()});
  Callback* const callbacks[] = {&stop, &checkpointer};
  EXPECT_TRUE(fit(model_, sgd_, data_, {.epochs = 2, .callbacks = callbacks}).stopped);
  SGD resumed({.momentum = 0.5});
  const TrainingState state = load_checkpoint(checkpointer.last(), model_, resumed, data_, {});
  EXPECT_EQ(resumed.steps(), 3);
  EXPECT_EQ(state.progress.epoch, 1);
}

TEST_F(CallbacksTest, KeepsTheBestWeights) {
  Checkpointer checkpointer({.folder = folder_.path(), .monitor = "val_accuracy"});
  checkpointer.on_train_begin(training_);
  std::vector<std::vector<float>> best;
  for (const double value : {0.5, 0.4, 0.5, 0.6, 0.1}) {
    model_.edit_parameters([](std::span<Parameter> p) { p[0].value()[0] += 1; });
    checkpointer.on_epoch_end({.epoch = static_cast<int>(best.size()) + 1, .val_accuracy = value});
    Model loaded(small_convnet(), executor_, {.max_batch = 8});
    load_weights(checkpointer.best(), loaded);
    best.push_back(weights_of(loaded));
  }
  EXPECT_EQ(best[1], best[0]);
  EXPECT_EQ(best[2], best[0]);
  EXPECT_NE(best[3], best[0]);
  EXPECT_EQ(best[4], best[3]);
}

TEST_F(CallbacksTest, AWorseEpochAfterAResumeDoesNotReplaceTheBest) {
  Checkpointer before({.folder = folder_.path(), .monitor = "val_loss"});
  before.on_train_begin(training_);
  before.on_epoch_end({.epoch = 1, .val_loss = 1});
  const std::string best = read_bytes(before.best());
  Checkpointer after({.folder = folder_.path(), .monitor = "val_loss"});
  after.on_train_begin(training_);
  after.restore(before.state());
  model_.edit_parameters([](std::span<Parameter> p) { p[0].value()[0] += 1; });
  after.on_epoch_end({.epoch = 2, .val_loss = 1.5});
  EXPECT_EQ(read_bytes(after.best()), best);
  after.on_epoch_end({.epoch = 3, .val_loss = 0.5});
  EXPECT_NE(read_bytes(after.best()), best);
}

TEST_F(CallbacksTest, BestWeightsMayBeTheAverage) {
  ExponentialMovingAverage average;
  Checkpointer checkpointer({.folder = folder_.path(), .monitor = "val_loss", .average = &average});
  WeightsSeen seen;
  Callback* const callbacks[] = {&average, &checkpointer, &seen};
  SGD sgd({.learning_rate = 0.1});
  fit(model_, sgd, data_, {.epochs = 1, .validation = data_, .callbacks = callbacks});
  load_weights(checkpointer.best(), model_);
  EXPECT_EQ(weights_of(model_), seen.tested);
}

TEST_F(CallbacksTest, FullDiskLeavesTheLastCheckpoint) {
  const auto last = folder_ / "checkpoint.safetensors";
  {
    Checkpointer checkpointer({.folder = folder_.path()});
    Callback* const callbacks[] = {&checkpointer};
    fit(model_, sgd_, data_, {.epochs = 1, .callbacks = callbacks});
  }
  const std::string good = read_bytes(last);
  for (const std::size_t room : {std::size_t{0}, std::size_t{100}, good.size() - 1}) {
    Checkpointer checkpointer({.folder = folder_.path()});
    Callback* const callbacks[] = {&checkpointer};
    const FileSizeLimit limit(room);
    EXPECT_THAT([&] { fit(model_, sgd_, data_, {.epochs = 2, .callbacks = callbacks}); },
                throws_line<FileError>(last.string() + ": cannot write: "));
    EXPECT_EQ(read_bytes(last), good);
    EXPECT_THAT(folder_.names(), ElementsAre("checkpoint.safetensors"));
  }
}

TEST_F(CallbacksTest, TellsBeforehandThatItCannotWrite) {
  Checkpointer nowhere({.folder = folder_ / "none"});
  Callback* callbacks[] = {&nowhere};
  EXPECT_THAT([&] { fit(model_, sgd_, data_, {.callbacks = callbacks}); },
              throws_line<FileError>((folder_ / "none").string(), "No such file or directory"));
  EXPECT_EQ(sgd_.steps(), 0);
  if (geteuid() == 0) GTEST_SKIP() << "root may write everything";
  std::filesystem::permissions(
      folder_.path(), std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  Checkpointer read_only({.folder = folder_.path()});
  callbacks[0] = &read_only;
  EXPECT_THAT([&] { fit(model_, sgd_, data_, {.callbacks = callbacks}); },
              throws_line<FileError>(folder_.path().string(), "Permission denied"));
  EXPECT_EQ(sgd_.steps(), 0);
}

TEST_F(CallbacksTest, ARuinedTrainingDoesNotReplaceTheCheckpoint) {
  class Ruin final : public Callback {
   public:
    void on_train_begin(Training& training) override { model_ = &training.model; }
    void on_step_end(const StepRecord& record) override {
      if (record.global_step < 3) return;
      model_->edit_parameters([](std::span<Parameter> p) { p[1].value()[2] = INFINITY; });
    }

   private:
    Model* model_ = nullptr;
  };
  Ruin ruin;
  Checkpointer checkpointer({.folder = folder_.path(), .every_steps = 1});
  Callback* const callbacks[] = {&ruin, &checkpointer};
  EXPECT_THAT([&] { fit(model_, sgd_, data_, {.callbacks = callbacks}); },
              throws_line<DivergedError>("after step 3, to be saved: value of conv2d/bias"));
  SGD resumed({.momentum = 0.5});
  load_checkpoint(checkpointer.last(), model_, resumed, data_, {});
  EXPECT_EQ(resumed.steps(), 2);
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
