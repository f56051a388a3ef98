#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "support/error_matchers.hpp"
#include "support/random_data.hpp"
#include "support/tolerance.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/layers/adamw.hpp"
#include "tilewise/layers/rmsprop.hpp"
#include "tilewise/layers/sgd.hpp"

namespace tilewise {
namespace {

using testing::throws_line;

/// A kernel and a bias, to be updated without a network.
class Weights {
 public:
  Weights() {
    parameters_.emplace_back("dense/kernel", Shape{2, 1}, 1);
    parameters_.emplace_back("dense/bias", Shape{1}, 1);
  }

  /// One step with these gradients of kernel and bias.
  void step(Optimizer& optimizer, const std::vector<float>& kernel, const std::vector<float>& bias) {
    optimizer.attach(parameters_);
    optimizer.begin_step();
    optimizer.update(simd::default_kernels(), 0, 0, 2, kernel.data(), parameters_[0].value());
    optimizer.update(simd::default_kernels(), 1, 0, 1, bias.data(), parameters_[1].value());
  }

  std::span<const Parameter> parameters() const { return parameters_; }
  float* kernel() { return parameters_[0].value(); }
  float& bias() { return *parameters_[1].value(); }

 private:
  std::vector<Parameter> parameters_;
};

/// The weight of one gradient after another, from `start`.
double follow(Optimizer& optimizer, double start, const std::vector<float>& gradients) {
  Weights weights;
  weights.bias() = static_cast<float>(start);
  for (const float gradient : gradients) weights.step(optimizer, {0, 0}, {gradient});
  return weights.bias();
}

const std::vector<float> kGradients = {0.5F, -0.25F, 1, 1, -2};

// Each step of these optimizers is a few roundings of the weight and of its change.
constexpr double kTolerance = 5 * 20 * testing::kUnitRoundoff;

TEST(OptimizerTest, SgdWithNesterovsMomentum) {
  double w = 1, velocity = 0;
  for (const double g : kGradients) {
    velocity = 0.9 * velocity - 0.1 * g;
    w += 0.9 * velocity - 0.1 * g;
  }
  SGD sgd({.learning_rate = 0.1, .momentum = 0.9, .nesterov = true});
  EXPECT_NEAR(follow(sgd, 1, kGradients), w, kTolerance);
  SGD plain({.learning_rate = 0.1, .momentum = 0.9});
  EXPECT_GT(std::abs(follow(plain, 1, kGradients) - w), 0.01);
}

// The example of Keras's documentation: 10 - 0.1 * 10 / sqrt(0.1 * 10^2).
TEST(OptimizerTest, RmspropOfKerassExample) {
  RMSprop rmsprop({.learning_rate = 0.1});
  EXPECT_NEAR(follow(rmsprop, 10, {10}), 9.683772, 1e-6);
}

TEST(OptimizerTest, RmspropInAllItsForms) {
  for (const bool centered : {false, true}) {
    for (const double momentum : {0.0, 0.7}) {
      double w = 1, velocity = 0, average = 0, moment = 0;
      for (const double g : kGradients) {
        velocity = 0.8 * velocity + 0.2 * g * g;
        if (centered) average = 0.8 * average + 0.2 * g;
        moment = momentum * moment + 0.01 * g / std::sqrt(velocity - average * average + 1e-5);
        w -= moment;
      }
      RMSprop rmsprop({.learning_rate = 0.01,
                       .rho = 0.8,
                       .momentum = momentum,
                       .epsilon = 1e-5,
                       .centered = centered});
      EXPECT_NEAR(follow(rmsprop, 1, kGradients), w, kTolerance) << centered << ", " << momentum;
      EXPECT_EQ(static_cast<std::int64_t>(rmsprop.state().size()), rmsprop.state_floats());
    }
  }
}

// As Keras does it: first the weight decays, then Adam's step is taken off.
TEST(OptimizerTest, AdamW) {
  double w = 1, m = 0, v = 0;
  for (std::size_t t = 1; t <= kGradients.size(); ++t) {
    const double g = kGradients[t - 1];
    const double power = static_cast<double>(t);
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    w -= w * 0.1 * 0.01;
    w -= 0.01 * std::sqrt(1 - std::pow(0.999, power)) / (1 - std::pow(0.9, power)) * m /
         (std::sqrt(v) + 1e-7);
  }
  AdamW adamw({.learning_rate = 0.01, .weight_decay = 0.1});
  // 0.999 as a float is off by 1e-5 of 1 - 0.999, in v and, but for roundings, in its correction alike.
  EXPECT_NEAR(follow(adamw, 1, kGradients), w, kTolerance);
  Adam same({.learning_rate = 0.01, .weight_decay = 0.1});
  EXPECT_NEAR(follow(same, 1, kGradients), w, kTolerance);
  Adam adam({.learning_rate = 0.01});
  EXPECT_GT(std::abs(follow(adam, 1, kGradients) - w), 0.001);
}

TEST(OptimizerTest, EveryOneDecaysWeightsByTheLearningRate) {
  constexpr double kDecay = 0.5;
  for (const bool kernels_only : {false, true}) {
    const ParameterSet set = kernels_only ? ParameterSet::kernels : ParameterSet::all;
    SGD sgd({.learning_rate = 0.5, .weight_decay = kDecay, .decayed = set});
    RMSprop rmsprop({.learning_rate = 0.5, .weight_decay = kDecay, .decayed = set});
    Adam adam({.learning_rate = 0.5, .weight_decay = kDecay, .decayed = set});
    AdamW adamw({.learning_rate = 0.5, .weight_decay = kDecay, .decayed = set});
    for (Optimizer* optimizer : {static_cast<Optimizer*>(&sgd), static_cast<Optimizer*>(&rmsprop),
                                 static_cast<Optimizer*>(&adam), static_cast<Optimizer*>(&adamw)}) {
      Weights weights;
      weights.kernel()[1] = 16;
      weights.bias() = 16;
      weights.step(*optimizer, {0, 0}, {0});
      EXPECT_EQ(weights.kernel()[1], 12);  // 16 - 0.5 * 0.5 * 16
      EXPECT_EQ(weights.bias(), kernels_only ? 16 : 12);
      optimizer->set_learning_rate(1);
      weights.step(*optimizer, {0, 0}, {0});
      EXPECT_EQ(weights.kernel()[1], 6);
    }
  }
}

TEST(OptimizerTest, DefaultsAreKeras) {
  EXPECT_EQ(AdamWOptions().weight_decay, 0.004);
  Weights weights;
  weights.kernel()[0] = weights.bias() = 1;
  AdamW adamw;
  weights.step(adamw, {0, 0}, {0});
  EXPECT_EQ(weights.kernel()[0], 1 - 0.001F * 0.004F);
  EXPECT_EQ(weights.bias(), 1 - 0.001F * 0.004F);
}

// State and steps are all that an optimizer remembers.
TEST(OptimizerTest, GoesOnFromItsState) {
  using Make = std::function<std::unique_ptr<Optimizer>()>;
  const std::vector<Make> makers = {
      [] { return std::make_unique<SGD>(SGDOptions{.momentum = 0.9, .nesterov = true}); },
      [] { return std::make_unique<RMSprop>(); },
      [] { return std::make_unique<RMSprop>(RMSpropOptions{.momentum = 0.5, .centered = true}); },
      [] { return std::make_unique<AdamW>(); }};
  for (const Make& make : makers) {
    const auto first = make();
    Weights weights;
    for (const float g : kGradients) weights.step(*first, {g, 1}, {-g});

    const auto second = make();
    Weights copy;
    std::copy_n(weights.kernel(), 2, copy.kernel());
    copy.bias() = weights.bias();
    second->attach(copy.parameters());
    const auto from = first->state(), to = second->state();
    ASSERT_EQ(from.size(), to.size());
    for (std::size_t i = 0; i < from.size(); ++i) {
      EXPECT_EQ(from[i].name, to[i].name);
      ASSERT_EQ(from[i].tensors.size(), 2U);
      for (std::size_t p = 0; p < 2; ++p) {
        std::copy_n(from[i].tensors[p].data(), from[i].tensors[p].size(), to[i].tensors[p].data());
      }
    }
    second->resume(first->steps());

    for (const float g : kGradients) {
      weights.step(*first, {g, g}, {1});
      copy.step(*second, {g, g}, {1});
    }
    EXPECT_EQ(copy.kernel()[0], weights.kernel()[0]);
    EXPECT_EQ(copy.kernel()[1], weights.kernel()[1]);
    EXPECT_EQ(copy.bias(), weights.bias());
  }
}

TEST(OptimizerTest, RefusesBadOptions) {
  EXPECT_THAT([] { RMSprop({.rho = 1}); }, throws_line<ArgumentError>("RMSprop", "rho 1 is", "[0, 1)"));
  EXPECT_THAT([] { RMSprop({.momentum = -0.5}); }, throws_line<ArgumentError>("momentum -0.5"));
  EXPECT_THAT([] { RMSprop({.epsilon = 0}); }, throws_line<ArgumentError>("epsilon 0 is", "positive"));
  EXPECT_THAT([] { Adam({.beta_1 = 1}); }, throws_line<ArgumentError>("Adam", "beta_1 1 is", "[0, 1)"));
  EXPECT_THAT([] { Adam({.beta_2 = -0.1}); }, throws_line<ArgumentError>("beta_2 -0.1"));
  // Positive, but 0 as floats are multiplied: 0 / 0 where a gradient is 0.
  EXPECT_THAT([] { Adam({.epsilon = 1e-40}); }, throws_line<ArgumentError>("epsilon 1e-40 is", "positive"));
  EXPECT_THAT([] { RMSprop({.epsilon = 1e-40}); }, throws_line<ArgumentError>("epsilon 1e-40 is", "positive"));
  EXPECT_THAT([] { AdamW({.weight_decay = -1}); }, throws_line<ArgumentError>("weight_decay -1"));
  EXPECT_THAT([] { SGD({.clipping = {.norm = 0}}); }, throws_line<ArgumentError>("clipping limit 0"));
  EXPECT_THAT([] { Adam({.clipping = {.value = 1, .global_norm = 1}}); },
              throws_line<ArgumentError>("2 limits", "at most one"));
}

}  // namespace
}  // namespace tilewise
