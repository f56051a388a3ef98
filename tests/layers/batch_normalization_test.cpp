#include "tilewise/layers/batch_normalization.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "support/error_matchers.hpp"
#include "support/random_data.hpp"
#include "support/tolerance.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/layers/adam.hpp"
#include "tilewise/layers/conv2d.hpp"
#include "tilewise/layers/dense.hpp"
#include "tilewise/layers/flatten.hpp"
#include "tilewise/layers/model.hpp"
#include "tilewise/layers/relu.hpp"
#include "tilewise/layers/sgd.hpp"

namespace tilewise {
namespace {

using testing::throws_line;

/// Batch normalisation of `input` and nothing else that changes values; training needs a parameter.
Sequential normalization_of(const Shape& input, const BatchNormalizationOptions& options = {}) {
  Sequential network(input);
  network.add(BatchNormalization(options)).add(Flatten());
  return network;
}

const Parameter& parameter(const Model& model, const std::string& name) {
  for (const Parameter& p : model.parameters()) {
    if (p.name() == name) return p;
  }
  throw std::logic_error("no parameter " + name);
}

struct Moments {
  double mean = 0, variance = 0;
};

Moments moments(std::span<const float> values, std::size_t channel, std::size_t channels) {
  Moments result;
  double count = 0;
  for (std::size_t i = channel; i < values.size(); i += channels, ++count) result.mean += values[i];
  result.mean /= count;
  for (std::size_t i = channel; i < values.size(); i += channels) {
    result.variance += (values[i] - result.mean) * (values[i] - result.mean) / count;
  }
  return result;
}

TEST(BatchNormalizationTest, DefaultsAreThoseOfKeras) {
  const Sequential network = normalization_of({4, 4, 3});
  const auto& specs = network.layers()[0].parameters;
  ASSERT_EQ(specs.size(), 4U);
  const char* const names[] = {"gamma", "beta", "moving_mean", "moving_variance"};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(specs[i].name, names[i]);
    EXPECT_EQ(specs[i].shape, Shape{3});
    EXPECT_EQ(specs[i].trainable, i < 2);
    EXPECT_EQ(specs[i].initializer, i % 3 == 0 ? Initializer::ones : Initializer::zeros);
  }
  EXPECT_EQ(BatchNormalizationOptions().momentum, 0.99);
  EXPECT_EQ(BatchNormalizationOptions().epsilon, 1e-3);
  EXPECT_EQ(network.parameter_count(), 12);
  EXPECT_EQ(network.trainable_count(), 6);
  EXPECT_THAT(network.summary(), ::testing::HasSubstr("\n Total params: 12 (48.00 B)"
                                                      "\n Trainable params: 6 (24.00 B)"
                                                      "\n Non-trainable params: 6 (24.00 B)\n"));
}

TEST(BatchNormalizationTest, PredictsWithMovingStatistics) {
  for (const Shape& shape : {Shape{3, 5, 7}, Shape{40}, Shape{2, 33}}) {
    Executor executor(2);
    Model model(normalization_of(shape), executor, {.max_batch = 5});
    const std::int64_t channels = shape[shape.rank() - 1];
    model.edit_parameters([](std::span<Parameter> parameters) {
      for (std::size_t p = 0; p < parameters.size(); ++p) {
        const auto values = testing::random_values(parameters[p].size(), static_cast<std::uint32_t>(p));
        for (std::int64_t c = 0; c < parameters[p].size(); ++c) {
          parameters[p].value()[c] = values[static_cast<std::size_t>(c)] + (p == 3 ? 1.5F : 0.0F);
        }
      }
    });
    testing::fill_random(model.input(), 9);
    const auto output = model.predict_batch(4);
    std::vector<double> expected, bound;
    for (std::size_t i = 0; i < output.size(); ++i) {
      const auto c = static_cast<std::int64_t>(i) % channels;
      const auto value = [&](int p) { return double{model.parameters()[static_cast<std::size_t>(p)].value()[c]}; };
      const double x = model.input()[i], scale = value(0) / std::sqrt(value(3) + 1e-3);
      expected.push_back(scale * (x - value(2)) + value(1));
      // Scale and shift are rounded, a product and a sum.
      bound.push_back(testing::gamma(4) * (std::abs(scale) * (std::abs(x) + std::abs(value(2))) +
                                           std::abs(value(1))));
    }
    EXPECT_TRUE(testing::all_near(output, expected, bound));
  }
}

// With momentum 0 the moving statistics are the last batch's, and prediction normalises as training did.
TEST(BatchNormalizationTest, StandsALargeMean) {
  constexpr double kMean = 1000;
  for (const std::int64_t channels : {1, 3, 19, 64}) {
    const Shape shape{20, 21, channels};
    Executor executor(3);
    Model model(normalization_of(shape, {.momentum = 0}), executor, {.max_batch = 24});
    testing::fill_random(model.input(), 1);
    for (float& value : model.input()) value = static_cast<float>(kMean) + 1.75F * value;  // deviation 1
    const std::vector<std::int32_t> labels(23, 0);
    SGD still({.learning_rate = 0});
    model.train_batch(labels, still);
    const auto batch = model.input().first(23 * static_cast<std::size_t>(shape.elements()));
    const auto output = model.predict_batch(23);
    for (std::int64_t c = 0; c < channels; ++c) {
      const Moments exact = moments(batch, static_cast<std::size_t>(c), static_cast<std::size_t>(channels));
      EXPECT_NEAR(exact.variance, 1, 0.1);
      // Sums over a block of at most 8192 rows around its middle; then all is in double.
      const double relative = testing::gamma(8192 + 4);
      EXPECT_NEAR(parameter(model, "batch_normalization/moving_mean").value()[c], exact.mean,
                  testing::gamma(1) * kMean + relative);
      EXPECT_NEAR(parameter(model, "batch_normalization/moving_variance").value()[c], exact.variance,
                  relative * exact.variance);
      double worst = 0, far = 0;
      for (std::size_t i = static_cast<std::size_t>(c); i < batch.size();
           i += static_cast<std::size_t>(channels)) {
        const double expected = (batch[i] - exact.mean) / std::sqrt(exact.variance + 1e-3);
        worst = std::max(worst, std::abs(output[i] - expected));
        far = std::max(far, std::abs(expected));
      }
      // The mean, the scale and the shift are rounded, a product and a sum; and the statistics' errors.
      EXPECT_LE(worst, testing::gamma(5) * 1.1 * (kMean + far) + relative * (1 + far));
    }
  }
}

// 65 rows are 65 blocks in 33 tasks, 64 rows as many tasks.
TEST(BatchNormalizationTest, SmallerBatchesMayBeCutIntoMoreTasks) {
  Executor executor(2);
  Model model(normalization_of({8192}, {.momentum = 0}), executor, {.max_batch = 65});
  SGD still({.learning_rate = 0});
  for (const std::size_t images : {std::size_t{64}, std::size_t{65}, std::size_t{1}}) {
    testing::fill_random(model.input(), 1);
    model.train_batch(std::vector<std::int32_t>(images, 0), still);
    for (const std::int64_t c : {0, 77, 8191}) {
      const Moments exact = moments(model.input().first(images * 8192), static_cast<std::size_t>(c), 8192);
      EXPECT_NEAR(parameter(model, "batch_normalization/moving_mean").value()[c], exact.mean, testing::gamma(4));
      EXPECT_NEAR(parameter(model, "batch_normalization/moving_variance").value()[c], exact.variance,
                  testing::gamma(8));
    }
  }
}

TEST(BatchNormalizationTest, OnlyTrainingMovesStatistics) {
  Executor executor(1);
  Model model(normalization_of({6}, {.momentum = 0.75}), executor, {.max_batch = 8});
  const std::vector<std::int32_t> labels(8, 0);
  std::vector<Moments> expected(6, Moments{.mean = 0, .variance = 1});
  SGD still({.learning_rate = 0});
  for (std::uint32_t step = 0; step < 3; ++step) {
    testing::fill_random(model.input(), step);
    model.evaluate_batch(labels);
    model.predict_batch(3);
    for (std::size_t c = 0; c < 6; ++c) {
      EXPECT_NEAR(model.parameters()[2].value()[c], expected[c].mean, testing::gamma(8));
      EXPECT_NEAR(model.parameters()[3].value()[c], expected[c].variance, testing::gamma(16));
    }
    model.train_batch(labels, still);
    for (std::size_t c = 0; c < 6; ++c) {
      const Moments batch = moments(model.input(), c, 6);
      expected[c].mean = 0.75 * expected[c].mean + 0.25 * batch.mean;
      expected[c].variance = 0.75 * expected[c].variance + 0.25 * batch.variance;
    }
  }
}

TEST(BatchNormalizationTest, OptimizersKeepNoStateOfMovingStatistics) {
  Executor executor(1);
  Model model(normalization_of({6}), executor, {.max_batch = 2});
  Adam adam;
  testing::fill_random(model.input(), 1);
  model.train_batch(std::vector<std::int32_t>{0, 1}, adam);
  for (const auto& array : adam.state()) {
    ASSERT_EQ(array.tensors.size(), 4U);
    for (std::size_t p = 0; p < 4; ++p) EXPECT_EQ(array.tensors[p].size(), p < 2 ? 6 : 0);
  }
}

TEST(BatchNormalizationTest, GammaAndBetaCanBeLeftOut) {
  Executor executor(1);
  Model model(normalization_of({4}, {.center = false, .scale = false}), executor, {.max_batch = 3});
  ASSERT_EQ(model.parameters().size(), 2U);
  EXPECT_FALSE(model.parameters()[0].trainable());
  EXPECT_EQ(model.network().trainable_count(), 0);
  testing::fill_random(model.input(), 1);
  SGD sgd({.learning_rate = 0.1});
  model.train_batch(std::vector<std::int32_t>{0, 1, 2}, sgd);  // nothing to train, but statistics move
  EXPECT_NE(model.parameters()[0].value()[0], 0);
}

/// Weights and moving statistics after some steps, with batches of several sizes.
std::vector<float> train_on(int threads) {
  Sequential network({24, 24, 2});
  network.add(BatchNormalization())
      .add(Conv2D({.filters = 19}))
      .add(BatchNormalization({.momentum = 0.9}))
      .add(ReLU())
      .add(Conv2D({.filters = 32, .strides = 2}))
      .add(BatchNormalization())
      .add(Flatten())
      .add(Dense({.units = 10}))
      .add(BatchNormalization());
  Executor executor(threads);
  Model model(network, executor, {.max_batch = 24, .seed = 3});
  Adam adam;
  for (std::uint32_t step = 0; step < 8; ++step) {
    testing::fill_random(model.input(), step);
    std::vector<std::int32_t> labels;
    for (int i = 0; i < (step % 4 == 3 ? 13 : 24); ++i) labels.push_back(i % 10);
    model.train_batch(labels, adam);
  }
  std::vector<float> all;
  for (const Parameter& p : model.parameters()) all.insert(all.end(), p.value(), p.value() + p.size());
  return all;
}

TEST(BatchNormalizationDeterminismTest, SameBitsOnAnyNumberOfThreads) {
  const std::vector<float> expected = train_on(1);
  for (const int threads : {2, 3, 8}) EXPECT_TRUE(testing::same_bits(train_on(threads), expected)) << threads;
}

TEST(BatchNormalizationTest, RefusesBadOptionsAndShapes) {
  EXPECT_THAT([] { BatchNormalization({.momentum = 1.5}); },
              throws_line<ArgumentError>("BatchNormalization: momentum 1.5 is not in [0, 1]"));
  EXPECT_THAT([] { BatchNormalization({.epsilon = 0}); },
              throws_line<ArgumentError>("BatchNormalization: epsilon 0 is not positive"));
  EXPECT_THAT([] { Sequential(Shape{}).add(BatchNormalization()); },
              throws_line<ShapeError>("batch_normalization", "()", "(..., channels)"));
}

}  // namespace
}  // namespace tilewise
