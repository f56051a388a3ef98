#include "tilewise/train/callbacks/exponential_moving_average.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "support/small_training.hpp"
#include "support/temp_dir.hpp"
#include "tilewise/layers/sgd.hpp"
#include "tilewise/train/callbacks/checkpointer.hpp"
#include "tilewise/train/callbacks/early_stopping.hpp"
#include "tilewise/train/fit.hpp"
#include "tilewise/train/weights_file.hpp"

namespace tilewise {
namespace {

using testing::quarters;
using testing::small_convnet;
using testing::small_resnet;
using testing::TempDir;
using testing::weights_of;

class ExponentialMovingAverageTest : public ::testing::Test {
 protected:
  Dataset data_ = quarters(30);
  Executor executor_{2};
  Model model_{small_convnet(), executor_, {.max_batch = 8, .seed = 5}};
  SGD sgd_{{.learning_rate = 1, .momentum = 0.5}};
  TempDir folder_;
};

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

TEST_F(ExponentialMovingAverageTest, AveragesWeightsAndLeavesTheAverage) {
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
TEST_F(ExponentialMovingAverageTest, AveragesOnlyWhatIsTrained) {
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

TEST_F(ExponentialMovingAverageTest, AverageIsTheSameOnAnyNumberOfThreads) {
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

TEST_F(ExponentialMovingAverageTest, ValidatesWithTheAverage) {
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

TEST_F(ExponentialMovingAverageTest, EarlyStoppingKeepsTheAverage) {
  ExponentialMovingAverage average;
  EarlyStopping stopping({.restore_best_weights = true, .average = &average});
  WeightsSeen seen;
  Callback* const callbacks[] = {&average, &stopping, &seen};
  SGD sgd({.learning_rate = 0.1});
  fit(model_, sgd, data_, {.epochs = 1, .validation = data_, .callbacks = callbacks});
  EXPECT_EQ(weights_of(model_), seen.tested);
}

TEST_F(ExponentialMovingAverageTest, BestWeightsMayBeTheAverage) {
  ExponentialMovingAverage average;
  Checkpointer checkpointer({.folder = folder_.path(), .monitor = "val_loss", .average = &average});
  WeightsSeen seen;
  Callback* const callbacks[] = {&average, &checkpointer, &seen};
  SGD sgd({.learning_rate = 0.1});
  fit(model_, sgd, data_, {.epochs = 1, .validation = data_, .callbacks = callbacks});
  load_weights(checkpointer.best(), model_);
  EXPECT_EQ(weights_of(model_), seen.tested);
}

}  // namespace
}  // namespace tilewise
