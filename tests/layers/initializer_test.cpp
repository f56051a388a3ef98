#include "tilewise/layers/initializer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "support/error_matchers.hpp"
#include "support/tolerance.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/layers/conv2d.hpp"
#include "tilewise/layers/dense.hpp"
#include "tilewise/layers/flatten.hpp"
#include "tilewise/layers/model.hpp"

namespace tilewise {
namespace {

using testing::throws_line;
using Kind = Initializer::Kind;

constexpr RandomStream kStream{.seed = 5, .purpose = RandomPurpose::initializer, .index = 2};

std::vector<float> values_of(const Initializer& initializer, const Shape& shape) {
  std::vector<float> values(static_cast<std::size_t>(shape.elements()), -77.0F);
  initialize(initializer, shape, kStream, values);
  return values;
}

/// A distribution that is symmetric about its mean.
struct Moments {
  double mean, variance;
  double kurtosis;  ///< fourth moment / variance^2
  double lowest, highest;
};

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Mean and variance of n values are normal, with the standard deviations sqrt(variance / n) and
/// variance sqrt((kurtosis - 1) / n): five of them are exceeded once in a million times.
void expect_moments(const std::vector<float>& values, const Moments& m) {
  const auto n = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (const float value : values) {
    sum += value;
    squares += (value - m.mean) * (value - m.mean);
    ASSERT_GE(value, m.lowest);
    ASSERT_LE(value, m.highest);
  }
  EXPECT_NEAR(sum / n, m.mean, 5 * std::sqrt(m.variance / n));
  EXPECT_NEAR(squares / n, m.variance, 5 * m.variance * std::sqrt((m.kurtosis - 1) / n));
  // Values come close to the bounds.
  const auto [low, high] = std::ranges::minmax(values);
  if (m.highest < kInfinity) {
    EXPECT_LT(low, m.lowest + 0.01 * (m.highest - m.lowest));
    EXPECT_GT(high, m.highest - 0.01 * (m.highest - m.lowest));
  }
}

Moments uniform(double variance) {
  const double limit = std::sqrt(3 * variance);
  return {0, variance, 1.8, -limit, limit};
}
/// Cut off at two standard deviations of what it was before: with density phi and distribution Phi, the
/// variance then is 1 - 4 phi(2) / (2 Phi(2) - 1) = 0.8796^2 of it.
Moments truncated(double variance) {
  const double limit = 2 * std::sqrt(variance) / 0.87962566103423978;
  return {0, variance, 2.4, -limit, limit};
}

TEST(InitializerTest, MomentsGoByTheFans) {
  const Shape conv{3, 5, 40, 64}, dense{600, 50};
  for (const auto& [shape, in, out] : {std::tuple(conv, 15 * 40.0, 15 * 64.0), std::tuple(dense, 600.0, 50.0)}) {
    SCOPED_TRACE(shape.to_string());
    expect_moments(values_of(Kind::glorot_uniform, shape), uniform(2 / (in + out)));
    expect_moments(values_of(Kind::glorot_normal, shape), truncated(2 / (in + out)));
    expect_moments(values_of(Kind::he_uniform, shape), uniform(2 / in));
    expect_moments(values_of(Kind::he_normal, shape), truncated(2 / in));
    expect_moments(values_of(Kind::lecun_uniform, shape), uniform(1 / in));
    expect_moments(values_of(Kind::lecun_normal, shape), truncated(1 / in));
  }
  expect_moments(values_of(Kind::he_normal, Shape{20'000}), truncated(2 / 20'000.0));  // a vector
}

TEST(InitializerTest, MomentsGoByTheLimits) {
  const Shape shape{100, 200};
  expect_moments(values_of(Kind::random_uniform, shape), {0, 0.01 / 12, 1.8, -0.05, 0.05});
  expect_moments(values_of(Initializer::uniform(1, 3), shape), {2, 4.0 / 12, 1.8, 1, 3});
  expect_moments(values_of(Kind::random_normal, shape), {0, 0.0025, 3, -kInfinity, kInfinity});
  const std::vector<float> normal = values_of(Initializer::normal(-1, 2), shape);
  expect_moments(normal, {-1, 4, 3, -kInfinity, kInfinity});
  // Not cut off: beyond two standard deviations are 4.55%, with a standard deviation of 0.15%.
  const auto far = std::ranges::count_if(normal, [](float v) { return std::abs(v + 1) > 4; });
  EXPECT_NEAR(static_cast<double>(far) / 20'000, 0.0455, 5 * 0.0015);
}

TEST(InitializerTest, Constants) {
  EXPECT_THAT(values_of(Kind::zeros, Shape{3, 2}), ::testing::Each(0.0F));
  EXPECT_THAT(values_of(Kind::ones, Shape{3, 2}), ::testing::Each(1.0F));
  EXPECT_THAT(values_of(Initializer::uniform(2, 2), Shape{5}), ::testing::Each(2.0F));
  EXPECT_THAT(values_of(Initializer::normal(3, 0), Shape{5}), ::testing::Each(3.0F));
}

// An element is a function of its number: of two parameters the smaller one is the other's beginning.
TEST(InitializerTest, ElementsStandByThemselves) {
  for (const Initializer& initializer :
       {Initializer(Kind::random_uniform), Initializer(Kind::random_normal)}) {
    std::vector<float> all = values_of(initializer, Shape{100});
    all.resize(37);
    EXPECT_TRUE(testing::same_bits(values_of(initializer, Shape{37}), all));
  }
}

// What networks have started from so far: (2 u - 1) sqrt(6 / (fan_in + fan_out)).
TEST(InitializerTest, GlorotUniformFormula) {
  const std::vector<float> values = values_of(Kind::glorot_uniform, Shape{3, 3, 1, 32});
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(values[i], static_cast<float>(std::sqrt(6.0 / (9 + 9 * 32)) * (2.0 * kStream.uniform(i) - 1)));
  }
}

TEST(InitializerTest, NamesAreKerass) {
  for (const char* name : {"zeros", "ones", "random_uniform", "random_normal", "glorot_uniform",
                           "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal"}) {
    EXPECT_EQ(initializer_name(parse_initializer(name).kind), name);
  }
  EXPECT_EQ(parse_initializer("he_normal"), Initializer::he_normal);
  EXPECT_THAT([] { parse_initializer("xavier"); },
              throws_line<ArgumentError>("initializer 'xavier'", "glorot_uniform"));
}

TEST(InitializerTest, RefusesWhatIsNoDistribution) {
  EXPECT_THAT([] { Initializer::uniform(1, 0); }, throws_line<ArgumentError>("minval 1 and maxval 0 are"));
  EXPECT_THAT([] { Initializer::uniform(0, kInfinity); }, throws_line<ArgumentError>("maxval inf"));
  EXPECT_THAT([] { Initializer::normal(0, -1); }, throws_line<ArgumentError>("mean 0 and stddev -1 are"));
}

TEST(InitializerTest, LayersUseTheirs) {
  Sequential network({6, 6, 1});
  network
      .add(Conv2D({.filters = 2,
                   .kernel_initializer = Initializer::ones,
                   .bias_initializer = Initializer::uniform(5, 5)}))
      .add(Flatten())
      .add(Dense({.units = 3, .bias_initializer = Initializer::ones}))
      .add(Dense({.units = 3, .use_bias = false, .kernel_initializer = Initializer::normal(7, 0)}));
  Executor executor(1);
  const Model model(network, executor, {.max_batch = 1});
  ASSERT_EQ(model.parameters().size(), 5U);
  const auto all = [&](std::size_t p, float value) {
    const Parameter& parameter = model.parameters()[p];
    return std::all_of(parameter.value(), parameter.value() + parameter.size(),
                       [=](float v) { return v == value; });
  };
  EXPECT_TRUE(all(0, 1) && all(1, 5) && all(3, 1) && all(4, 7));
  EXPECT_FALSE(all(2, model.parameters()[2].value()[0]));  // Glorot-uniform
  EXPECT_EQ(model.parameters()[4].name(), "dense_1/kernel");
  EXPECT_EQ(network.layers()[3].parameter_count(), 9);
}

}  // namespace
}  // namespace tilewise
