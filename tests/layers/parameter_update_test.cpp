// What happens between the gradients of a batch and the new weights.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "support/error_matchers.hpp"
#include "support/gradient_probe.hpp"
#include "support/random_data.hpp"
#include "support/tolerance.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/layers/adamw.hpp"
#include "tilewise/layers/conv2d.hpp"
#include "tilewise/layers/dense.hpp"
#include "tilewise/layers/flatten.hpp"
#include "tilewise/layers/mean_squared_error.hpp"
#include "tilewise/layers/model.hpp"
#include "tilewise/layers/rmsprop.hpp"
#include "tilewise/layers/sgd.hpp"

namespace tilewise {
namespace {

using testing::GradientProbe;
using testing::throws_line;

constexpr std::int64_t kImages = 12;

/// Parameters of many blocks, and of less than one.
Sequential network() {
  Sequential network({9, 8, 3});
  network.add(Conv2D({.filters = 20, .activation = Activation::relu}))
      .add(Flatten())
      .add(Dense({.units = 30, .activation = Activation::relu}))
      .add(Dense({.units = 10, .activation = Activation::softmax}));
  return network;
}

using Gradients = std::vector<std::vector<float>>;

/// Of one batch, as an optimizer gets them.
Gradients gradients(const Clipping& clipping, int threads = 2) {
  Executor executor(threads);
  Model model(network(), executor, {.max_batch = kImages, .seed = 1});
  testing::fill_random(model.input(), 1);
  GradientProbe probe(clipping);
  model.train_batch(std::vector<std::int32_t>(kImages, 3), probe);
  return probe.gradients;
}

double norm(const std::vector<float>& values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return std::sqrt(sum);
}

double norm_of_all(const Gradients& all) {
  double sum = 0;
  for (const auto& values : all) sum += norm(values) * norm(values);
  return std::sqrt(sum);
}

/// Whether these are `plain` times a factor that was rounded, as was the product.
::testing::AssertionResult is_scaled(const std::vector<float>& actual, const std::vector<float>& plain,
                                     double factor) {
  std::vector<double> expected, bounds;
  for (const double value : plain) {
    expected.push_back(factor * value);
    bounds.push_back(testing::gamma(2) * std::abs(factor * value));
  }
  return testing::all_near(actual, expected, bounds);
}

TEST(ClippingTest, ByValue) {
  const Gradients plain = gradients({});
  const Gradients clipped = gradients({.value = 0.01});
  std::size_t changed = 0;
  for (std::size_t p = 0; p < plain.size(); ++p) {
    std::vector<float> expected;
    for (const float value : plain[p]) expected.push_back(std::clamp(value, -0.01F, 0.01F));
    EXPECT_TRUE(testing::all_equal(clipped[p], expected));
    changed += expected == plain[p] ? 0 : 1;
  }
  EXPECT_GT(changed, 0U);
}

TEST(ClippingTest, ByTheNormOfEachParameter) {
  const Gradients plain = gradients({});
  std::vector<double> norms;
  for (const auto& gradient : plain) norms.push_back(norm(gradient));
  // The second largest remains as it is.
  std::vector<double> sorted = norms;
  std::ranges::sort(sorted, std::greater());
  ASSERT_GT(sorted[0], 1.01 * sorted[1]);
  const double limit = 1.005 * sorted[1];
  const Gradients clipped = gradients({.norm = limit});
  for (std::size_t p = 0; p < plain.size(); ++p) {
    if (norms[p] < limit) {
      EXPECT_TRUE(testing::same_bits(clipped[p], plain[p]));
    } else {
      EXPECT_TRUE(is_scaled(clipped[p], plain[p], limit / norms[p]));
      EXPECT_NEAR(norm(clipped[p]), limit, testing::gamma(2) * limit);
    }
  }
}

TEST(ClippingTest, ByTheNormOfAllParameters) {
  const Gradients plain = gradients({});
  const double whole = norm_of_all(plain);
  const Gradients clipped = gradients({.global_norm = whole / 3});
  const Gradients untouched = gradients({.global_norm = 1.001 * whole});
  EXPECT_NEAR(norm_of_all(clipped), whole / 3, testing::gamma(2) * whole);
  for (std::size_t p = 0; p < plain.size(); ++p) {
    EXPECT_TRUE(is_scaled(clipped[p], plain[p], 1.0 / 3));
    EXPECT_TRUE(testing::same_bits(untouched[p], plain[p]));
  }
}

/// Weights, and the loss of each step.
std::vector<float> train(int threads, Optimizer& optimizer, const ModelOptions& options) {
  Executor executor(threads);
  Model model(network(), executor, options);
  std::vector<float> result;
  for (std::uint32_t step = 0; step < 12; ++step) {
    testing::fill_random(model.input(), step % 4);
    const auto targets = testing::random_values(10 * (step % 4 == 3 ? 7 : kImages), step % 4);
    result.push_back(static_cast<float>(model.train_batch(targets, optimizer).loss_sum));
  }
  for (const Parameter& parameter : model.parameters()) {
    result.insert(result.end(), parameter.value(), parameter.value() + parameter.size());
  }
  return result;
}

TEST(UpdateDeterminismTest, SameBitsOnAnyNumberOfThreads) {
  using Make = std::function<std::unique_ptr<Optimizer>()>;
  const std::vector<Make> makers = {
      [] { return std::make_unique<AdamW>(AdamWOptions{.clipping = {.global_norm = 0.05}}); },
      [] {
        return std::make_unique<RMSprop>(
            RMSpropOptions{.momentum = 0.5, .centered = true, .clipping = {.norm = 0.05}});
      },
      [] {
        return std::make_unique<SGD>(
            SGDOptions{.momentum = 0.9, .nesterov = true, .clipping = {.value = 0.001}});
      }};
  const std::vector<std::shared_ptr<const Loss>> losses = {
      std::make_shared<CategoricalCrossentropy>(CategoricalCrossentropyOptions{.label_smoothing = 0.1}),
      std::make_shared<MeanSquaredError>()};
  for (const auto& loss : losses) {
    const ModelOptions options{
        .max_batch = kImages, .seed = 3, .loss = loss, .regularizer = {.l2 = 1e-3}};
    for (const Make& make : makers) {
      const std::vector<float> expected = train(1, *make(), options);
      for (const int threads : {2, 3, 5, 8, 16}) {
        EXPECT_TRUE(testing::same_bits(train(threads, *make(), options), expected))
            << threads << " threads";
      }
    }
  }
}

TEST(ParameterUpdateTest, LearnsOneBatchByHeart) {
  AdamW adamw({.learning_rate = 0.005, .clipping = {.global_norm = 1}});
  RMSprop rmsprop({.learning_rate = 0.002, .momentum = 0.5, .centered = true, .clipping = {.norm = 1}});
  SGD sgd({.learning_rate = 0.05, .momentum = 0.9, .nesterov = true, .clipping = {.value = 0.1}});
  for (Optimizer* optimizer :
       {static_cast<Optimizer*>(&adamw), static_cast<Optimizer*>(&rmsprop), static_cast<Optimizer*>(&sgd)}) {
    Executor executor(2);
    Model model(network(), executor, {.max_batch = kImages, .seed = 1, .regularizer = {.l2 = 1e-4}});
    testing::fill_random(model.input(), 1);
    const std::vector<std::int32_t> labels = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1};
    for (int step = 0; step < 100; ++step) model.train_batch(labels, *optimizer);
    EXPECT_EQ(model.evaluate_batch(labels).correct, kImages);
  }
}

// Keras counts the penalty of the weights before the step.
TEST(RegularizerTest, IsPartOfTheLoss) {
  Executor executor(2);
  Model plain(network(), executor, {.max_batch = kImages, .seed = 1});
  Model kernels(network(), executor, {.max_batch = kImages, .seed = 1, .regularizer = {.l2 = 0.01}});
  Model all(network(), executor,
            {.max_batch = kImages, .seed = 1, .regularizer = {.l2 = 0.01, .parameters = ParameterSet::all}});
  double of_kernels = 0, of_all = 0;
  for (Model* model : {&plain, &kernels, &all}) {
    model->edit_parameters([](std::span<Parameter> parameters) {
      for (Parameter& parameter : parameters) {
        if (parameter.shape().rank() == 1) std::fill_n(parameter.value(), parameter.size(), 0.5F);
      }
    });
    testing::fill_random(model->input(), 1);
  }
  for (const Parameter& parameter : plain.parameters()) {
    const double square = std::pow(norm({parameter.value(), parameter.value() + parameter.size()}), 2);
    of_all += 0.01 * square;
    if (parameter.shape().rank() > 1) of_kernels += 0.01 * square;
  }
  ASSERT_GT(of_all, 1.1 * of_kernels);
  const std::vector<std::int32_t> labels(5, 3);
  const double loss = plain.evaluate_batch(labels).loss_sum;
  const auto near = [&](double penalty) {
    return ::testing::DoubleNear(loss + 5 * penalty, 1e-12 * (loss + 5 * penalty));
  };
  EXPECT_THAT(kernels.evaluate_batch(labels).loss_sum, near(of_kernels));
  EXPECT_THAT(all.evaluate_batch(labels).loss_sum, near(of_all));
  SGD sgd;
  EXPECT_THAT(kernels.train_batch(labels, sgd).loss_sum, near(of_kernels));
}

TEST(RegularizerTest, RefusesANegativeFactor) {
  Executor executor(1);
  EXPECT_THAT([&] { Model(network(), executor, {.regularizer = {.l2 = -1}}); },
              throws_line<ArgumentError>("l2 -1"));
}

// Also where clipping by value hides it.
TEST(ClippingTest, SeesNonFiniteGradientsBeforeTheyAreClipped) {
  Sequential linear({3});
  linear.add(Dense({.units = 2}));
  for (const Clipping& clipping :
       {Clipping{.value = 0.01}, Clipping{.norm = 1}, Clipping{.global_norm = 1}}) {
    Executor executor(1);
    Model model(linear, executor, {.max_batch = 1, .loss = std::make_shared<MeanSquaredError>()});
    // An output of zero, whose loss is finite, and a gradient of 1e10 times the input.
    model.edit_parameters([](std::span<Parameter> p) { std::fill_n(p[0].value(), p[0].size(), 0.0F); });
    std::ranges::fill(model.input(), 1e38F);
    SGD sgd({.clipping = clipping});
    model.train_batch(std::vector<float>{1, -1e10F}, sgd);
    EXPECT_EQ(model.first_non_finite(), "gradient of dense/kernel in the backward pass");
    // A norm that is not finite leaves nothing finite.
    EXPECT_EQ(std::isfinite(model.parameters()[0].value()[0]), clipping.value.has_value());
  }
}

}  // namespace
}  // namespace tilewise
