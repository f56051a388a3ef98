#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/error_matchers.hpp"
#include "support/small_training.hpp"
#include "support/temp_dir.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/layers/adam.hpp"
#include "tilewise/layers/batch_normalization.hpp"
#include "tilewise/layers/dense.hpp"
#include "tilewise/layers/flatten.hpp"
#include "tilewise/layers/residual.hpp"
#include "tilewise/layers/sgd.hpp"
#include "tilewise/train/batch_reader.hpp"
#include "tilewise/train/fit.hpp"
#include "tilewise/train/weights_file.hpp"

namespace tilewise {
namespace {

using testing::quarters;
using testing::throws_line;

Sequential classifier() {
  Sequential network({4, 4, 1});
  network.add(Flatten()).add(Dense({.units = 4, .activation = Activation::softmax}));
  return network;
}

class Recorder final : public Callback {
 public:
  void on_epoch_begin(int epoch) override { events.push_back("begin " + std::to_string(epoch)); }
  void on_step_end(const StepRecord& record) override {
    events.push_back("step " + std::to_string(record.step) + "/" + std::to_string(record.steps));
    ++steps;
  }
  void on_epoch_end(const EpochRecord& record) override {
    events.push_back("end " + std::to_string(record.epoch));
  }
  bool should_stop() const override { return steps >= stop_after; }

  std::vector<std::string> events;
  int steps = 0;
  int stop_after = 1000;
};

class FitTest : public ::testing::Test {
 protected:
  Dataset data_ = quarters(50, 4);
  Executor executor_{2};
  Model model_{classifier(), executor_, {.max_batch = 20, .seed = 1}};
  Adam adam_{{.learning_rate = 0.05}};
};

TEST_F(FitTest, Learns) {
  const History history =
      fit(model_, adam_, data_, {.epochs = 20, .batch_size = 20, .validation = data_});
  ASSERT_EQ(history.epochs.size(), 20U);
  EXPECT_FALSE(history.stopped);
  EXPECT_EQ(history.epochs.back().epoch, 20);
  EXPECT_LT(history.epochs.back().loss, history.epochs.front().loss);
  EXPECT_EQ(history.epochs.back().val_accuracy, 1.0);
  EXPECT_DOUBLE_EQ(history.epochs.back().learning_rate, 0.05);
  EXPECT_GT(history.epochs.back().images_per_second, 0);
  EXPECT_EQ(evaluate(model_, data_, 7).accuracy, 1.0);
}

TEST_F(FitTest, CallsBackInOrderAndTrainsThePartialBatch) {
  Recorder recorder;
  Callback* const callbacks[] = {&recorder};
  fit(model_, adam_, data_, {.epochs = 1, .batch_size = 20, .callbacks = callbacks});
  EXPECT_THAT(recorder.events,
              ::testing::ElementsAre("begin 1", "step 1/3", "step 2/3", "step 3/3", "end 1"));
  EXPECT_EQ(adam_.steps(), 3);
}

TEST_F(FitTest, StopsAfterTheStepUnderWay) {
  Recorder recorder;
  recorder.stop_after = 5;
  Callback* const callbacks[] = {&recorder};
  const History history =
      fit(model_, adam_, data_, {.epochs = 9, .batch_size = 20, .callbacks = callbacks});
  EXPECT_TRUE(history.stopped);
  EXPECT_EQ(history.epochs.size(), 1U);
  EXPECT_EQ(recorder.events.back(), "step 2/3");
}

TEST_F(FitTest, FeedsAProfilerWithTrainingAlone) {
  Profiler profiler;
  Model model(classifier(), executor_, {.max_batch = 20, .seed = 1, .profiler = &profiler});
  Recorder recorder;
  recorder.stop_after = 7;
  Callback* const callbacks[] = {&recorder};
  fit(model, adam_, data_,
      {.epochs = 5, .batch_size = 20, .validation = data_, .callbacks = callbacks});
  EXPECT_FALSE(profiler.running());
  EXPECT_EQ(profiler.steps(), 7);  // two epochs of 50 images and a step
  EXPECT_EQ(profiler.images(), 120);
  for (const ProfileRow& row : profiler.rows()) {
    const std::int64_t expected = row.activity.pass == "shuffle"  ? 3
                                  : row.activity.pass == "update" ? 14  // kernel and bias
                                                                  : 7;
    EXPECT_EQ(row.calls, expected) << row.activity.layer << " " << row.activity.pass;
  }
}

TEST_F(FitTest, WithoutValidationThereAreNoSuchFigures) {
  const History history = fit(model_, adam_, data_, {.epochs = 1, .batch_size = 20});
  EXPECT_FALSE(history.epochs[0].val_loss.has_value());
}

/// Sets a weight before a step.
class Ruin final : public Callback {
 public:
  Ruin(std::int64_t after_step, std::size_t parameter, float value)
      : after_step_(after_step), parameter_(parameter), value_(value) {}
  void on_train_begin(Training& training) override { model_ = &training.model; }
  void on_step_end(const StepRecord& record) override {
    if (record.global_step != after_step_) return;
    model_->edit_parameters([&](std::span<Parameter> p) { p[parameter_].value()[3] = value_; });
  }

 private:
  std::int64_t after_step_;
  std::size_t parameter_;
  float value_;
  Model* model_ = nullptr;
};

TEST_F(FitTest, DivergenceNamesEpochStepPassAndLayer) {
  Ruin ruin(4, 1, std::nanf(""));
  Callback* const callbacks[] = {&ruin};
  EXPECT_THAT([&] { fit(model_, adam_, data_, {.epochs = 3, .callbacks = callbacks}); },
              throws_line<DivergedError>("training diverged at epoch 2, step 2: output of dense in the forward "
                                         "pass is not finite"));
  EXPECT_EQ(adam_.steps(), 5);
}

// The step that did it, though its own loss was fine.
TEST_F(FitTest, DivergenceIsFoundInTheStepThatMadeAWeightInfinite) {
  SGD wild({.learning_rate = 1e42});
  EXPECT_THAT([&] { fit(model_, wild, data_, {.epochs = 10, .batch_size = 20}); },
              throws_line<DivergedError>("at epoch 1, step 1: value of dense/kernel in the update is not"));
}

// A callback may have changed it after the last step.
TEST_F(FitTest, AFiniteLossDoesNotHideAWeight) {
  Ruin ruin(3, 1, std::nanf(""));
  Callback* const callbacks[] = {&ruin};
  EXPECT_THAT([&] { fit(model_, adam_, data_, {.callbacks = callbacks}); },
              throws_line<DivergedError>("training diverged after epoch 1: value of dense/bias is not finite"));
}

TEST_F(FitTest, StepsFollowTheScheduleAndTheRecordsShowIt) {
  class Counting final : public Schedule {
   public:
    double learning_rate(std::int64_t step) const override {
      return 0.001 * static_cast<double>(step + 1);
    }
  };
  class Rates final : public Callback {
   public:
    void on_step_end(const StepRecord& record) override {
      EXPECT_EQ(record.global_step, static_cast<std::int64_t>(rates.size()) + 1);
      rates.push_back(record.learning_rate);
    }
    std::vector<double> rates;
  };
  const Counting schedule;
  Rates rates;
  Callback* const callbacks[] = {&rates};
  const History history =
      fit(model_, adam_, data_,
          {.epochs = 2, .batch_size = 20, .schedule = &schedule, .callbacks = callbacks});
  ASSERT_EQ(rates.rates.size(), 6U);
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(rates.rates[i], schedule.learning_rate(static_cast<std::int64_t>(i)));
  }
  EXPECT_EQ(history.epochs[0].learning_rate, rates.rates[2]);
  EXPECT_EQ(history.epochs[1].learning_rate, rates.rates[5]);
}

TEST_F(FitTest, CallbacksHearOfEverythingInOrder) {
  class All final : public Callback {
   public:
    void on_train_begin(Training&) override { events += "("; }
    void on_epoch_begin(int) override { events += "["; }
    void on_step_end(const StepRecord&) override { events += "s"; }
    void on_test_begin() override { events += "t"; }
    void on_test_end() override { events += "T"; }
    void on_epoch_end(const EpochRecord&) override { events += "]"; }
    void on_save_point(const SavePoint& point) override {
      events += point.last ? "!" : point.epoch_end ? ":" : ".";
    }
    void on_train_end() override { events += ")"; }
    std::string events;
  };
  All all;
  Callback* const callbacks[] = {&all};
  fit(model_, adam_, data_,
      {.epochs = 2, .batch_size = 20, .validation = data_, .callbacks = callbacks});
  EXPECT_EQ(all.events, "([s.s.s.tT]:[s.s.s.tT]!)");
}

TEST_F(FitTest, ChecksItsArguments) {
  EXPECT_THAT([&] { fit(model_, adam_, data_, {.batch_size = 21}); },
              throws_line<ArgumentError>("21", "1 to 20"));
  EXPECT_THAT([&] { fit(model_, adam_, data_, {.epochs = -1, .batch_size = 20}); },
              throws_line<ArgumentError>("-1"));
  const Dataset wide({2, 8, 1}, 4, AlignedBuffer<std::uint8_t>(16), {0});
  EXPECT_THAT([&] { evaluate(model_, wide, 1); },
              throws_line<ArgumentError>("(2, 8, 1)", "(4, 4, 1)"));
  const Dataset many({4, 4, 1}, 5, AlignedBuffer<std::uint8_t>(16), {0});
  EXPECT_THAT([&] { evaluate(model_, many, 1); }, throws_line<ArgumentError>("5", "4"));
}

TEST_F(FitTest, AssemblesScaledPixels) {
  const std::vector<std::int32_t> indices = {7, 3};
  assemble_batch(model_, data_, indices);
  for (std::size_t i = 0; i < 32; ++i) {
    const std::uint8_t byte = data_.image(indices[i / 16])[i % 16];
    EXPECT_EQ(model_.input()[i], static_cast<float>(byte) * (1.0F / 255.0F));
  }
}

TEST_F(FitTest, WeightsComeBackFromTheirFile) {
  const testing::TempDir folder;
  const auto path = folder.path() / "weights.safetensors";
  fit(model_, adam_, data_, {.epochs = 2, .batch_size = 20});
  save_weights(path, model_);
  Model other(classifier(), executor_, {.max_batch = 20, .seed = 9});
  load_weights(path, other);
  for (std::size_t p = 0; p < other.parameters().size(); ++p) {
    const Parameter& expected = model_.parameters()[p];
    EXPECT_TRUE(std::equal(expected.value(), expected.value() + expected.size(),
                           other.parameters()[p].value()));
  }
}

// What a model predicts with is more than what it trains.
TEST_F(FitTest, MovingStatisticsComeBackFromTheirFile) {
  const testing::TempDir folder;
  const auto path = folder.path() / "weights.safetensors";
  Sequential main({4, 4, 1}), network({4, 4, 1});
  main.add(Dense({.units = 3})).add(BatchNormalization()).add(Dense({.units = 1}));
  network.add(Residual(main)).add(Flatten()).add(Dense({.units = 4}));
  Model model(network, executor_, {.max_batch = 20, .seed = 1});
  Adam adam;
  fit(model, adam, data_, {.epochs = 1, .batch_size = 20});
  save_weights(path, model);
  Model other(network, executor_, {.max_batch = 20, .seed = 9});
  load_weights(path, other);
  std::ranges::copy(model.input(), other.input().begin());
  const auto expected = model.predict_batch(5), actual = other.predict_batch(5);
  EXPECT_TRUE(std::ranges::equal(actual, expected));
}

TEST_F(FitTest, WeightsOfAnotherNetworkAreRefused) {
  const testing::TempDir folder;
  const auto path = folder.path() / "weights.safetensors";
  save_weights(path, model_);
  Sequential wider({4, 4, 1});
  wider.add(Flatten()).add(Dense({.units = 5}));
  Model model(wider, executor_, {.max_batch = 1});
  EXPECT_THAT([&] { load_weights(path, model); },
              throws_line<FileError>("dense/kernel", "(16, 4)", "(16, 5)"));
  Sequential deeper = classifier();
  deeper.add(Dense({.units = 4}));
  Model deep(deeper, executor_, {.max_batch = 1});
  EXPECT_THAT([&] { load_weights(path, deep); }, throws_line<FileError>("dense_1/kernel"));
}

}  // namespace
}  // namespace tilewise
