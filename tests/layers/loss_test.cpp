#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <vector>

#include "support/error_matchers.hpp"
#include "support/random_data.hpp"
#include "support/tolerance.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/layers/adam.hpp"
#include "tilewise/layers/categorical_crossentropy.hpp"
#include "tilewise/layers/dense.hpp"
#include "tilewise/layers/mean_squared_error.hpp"
#include "tilewise/layers/model.hpp"

namespace tilewise {
namespace {

using testing::throws_line;

std::shared_ptr<const Loss> smoothed(double label_smoothing) {
  return std::make_shared<CategoricalCrossentropy>(
      CategoricalCrossentropyOptions{.label_smoothing = label_smoothing});
}

/// Three inputs, four outputs, their probabilities.
Sequential classifier() {
  Sequential network({3});
  network.add(Dense({.units = 4, .activation = Activation::softmax}));
  return network;
}

constexpr std::int64_t kImages = 5;
const std::vector<std::int32_t> kLabels = {3, 0, 1, 1, 2};

/// A model of `network` with a batch in place.
struct Loaded {
  explicit Loaded(const Sequential& network, std::shared_ptr<const Loss> loss)
      : model(network, executor, {.max_batch = kImages, .seed = 1, .loss = std::move(loss)}) {
    testing::fill_random(model.input(), 1);
  }
  Executor executor{2};
  Model model;
};

std::vector<float> onehot() {
  std::vector<float> targets(static_cast<std::size_t>(kImages) * 4);
  for (std::size_t i = 0; i < kLabels.size(); ++i) targets[4 * i + static_cast<std::size_t>(kLabels[i])] = 1;
  return targets;
}

// Keras's formulas of the network's output: - sum of y log p with y = 0.8 onehot + 0.2 / 4, and the mean of
// (p - onehot)^2.
TEST(LossTest, IsThatOfTheOutputs) {
  Loaded crossentropy(classifier(), smoothed(0.2));
  Loaded squares(classifier(), std::make_shared<MeanSquaredError>());
  const auto p = crossentropy.model.predict_batch(kImages);
  const std::vector<float> targets = onehot();
  double expected_crossentropy = 0, expected_squares = 0;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const auto share = static_cast<double>(p[i]), y = static_cast<double>(targets[i]);
    expected_crossentropy -= (0.8 * y + 0.05) * std::log(share);
    expected_squares += (share - y) * (share - y) / 4;
  }
  EXPECT_NEAR(crossentropy.model.evaluate_batch(kLabels).loss_sum, expected_crossentropy,
              testing::gamma(40) * expected_crossentropy);
  EXPECT_NEAR(squares.model.evaluate_batch(kLabels).loss_sum, expected_squares,
              testing::gamma(40) * expected_squares);
}

TEST(LossTest, OfOnehotTargetsIsThatOfLabels) {
  for (const auto& loss : {smoothed(0), smoothed(0.1), std::shared_ptr<const Loss>(new MeanSquaredError)}) {
    Loaded labelled(classifier(), loss), targeted(classifier(), loss);
    const BatchResult expected = labelled.model.evaluate_batch(kLabels);
    const BatchResult actual = targeted.model.evaluate_batch(onehot());
    EXPECT_EQ(actual.correct, expected.correct);
    EXPECT_NEAR(actual.loss_sum, expected.loss_sum, testing::gamma(20) * expected.loss_sum) << loss->name();
    Adam first, second;
    labelled.model.train_batch(kLabels, first);
    targeted.model.train_batch(onehot(), second);
    EXPECT_NEAR(targeted.model.evaluate_batch(kLabels).loss_sum,
                labelled.model.evaluate_batch(kLabels).loss_sum, 1e-5);
  }
}

// y = A x + b is found from examples.
TEST(LossTest, LearnsARegression) {
  Sequential network({3});
  network.add(Dense({.units = 2}));
  Executor executor(1);
  Model model(network, executor,
              {.max_batch = 16, .seed = 1, .loss = std::make_shared<MeanSquaredError>()});
  testing::fill_random(model.input(), 1);
  std::vector<float> targets;
  for (std::size_t i = 0; i < 16; ++i) {
    const float* x = model.input().data() + 3 * i;
    targets.push_back(2 * x[0] - x[1] + 0.5F);
    targets.push_back(x[2] - 1);
  }
  Adam adam({.learning_rate = 0.05});
  const double before = model.evaluate_batch(targets).loss_sum / 16;
  for (int step = 0; step < 500; ++step) model.train_batch(targets, adam);
  EXPECT_GT(before, 0.5);
  EXPECT_LT(model.evaluate_batch(targets).loss_sum / 16, 1e-6);
  const Parameter& kernel = model.parameters()[0];
  EXPECT_NEAR(kernel.value()[0], 2, 1e-2);
  EXPECT_NEAR(kernel.value()[2], -1, 1e-2);
}

TEST(LossTest, RefusesBadTargetsAndOptions) {
  Loaded loaded(classifier(), std::make_shared<MeanSquaredError>());
  Adam adam;
  EXPECT_THAT([&] { loaded.model.train_batch(std::vector<float>(9), adam); },
              throws_line<ArgumentError>("9 targets", "multiple of 4"));
  EXPECT_THAT([&] { loaded.model.evaluate_batch(std::vector<float>(24)); },
              throws_line<ArgumentError>("6 images", "1 to 5"));
  EXPECT_THAT([&] { loaded.model.evaluate_batch(std::vector<float>()); },
              throws_line<ArgumentError>("0 images"));
  EXPECT_THAT([] { CategoricalCrossentropy({.label_smoothing = 1.5}); },
              throws_line<ArgumentError>("label_smoothing 1.5"));
}

}  // namespace
}  // namespace tilewise
