// Where a training step first meets infinity or NaN.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/random_data.hpp"
#include "tilewise/layers/batch_normalization.hpp"
#include "tilewise/layers/conv2d.hpp"
#include "tilewise/layers/dense.hpp"
#include "tilewise/layers/dropout.hpp"
#include "tilewise/layers/flatten.hpp"
#include "tilewise/layers/max_pool2d.hpp"
#include "tilewise/layers/mean_squared_error.hpp"
#include "tilewise/layers/model.hpp"
#include "tilewise/layers/relu.hpp"
#include "tilewise/layers/residual.hpp"
#include "tilewise/layers/sgd.hpp"

namespace tilewise {
namespace {

constexpr std::int64_t kImages = 20;  // chunks of two
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kLarge = 3e38F;

/// Steps of all kinds: fused, of the whole batch, with outputs that are not kept, in branches.
Sequential network() {
  Sequential network({12, 12, 1});
  network.add(Conv2D({.filters = 4, .activation = Activation::relu})).add(MaxPool2D());
  Sequential main(network.output_shape());
  main.add(Conv2D({.filters = 4, .padding = Padding::same, .use_bias = false}))
      .add(BatchNormalization())
      .add(ReLU())
      .add(Conv2D({.filters = 4, .padding = Padding::same}));
  network.add(Residual(main))
      .add(Conv2D({.filters = 6, .kernel_size = 2}))
      .add(Dropout(0.25))
      .add(Flatten())
      .add(Dense({.units = 8, .activation = Activation::tanh}))
      .add(Dense({.units = 4, .activation = Activation::softmax}));
  return network;
}

struct Trained {
  explicit Trained(std::shared_ptr<const Loss> loss = std::make_shared<CategoricalCrossentropy>())
      : model(network(), executor, {.max_batch = kImages, .seed = 1, .loss = std::move(loss)}) {
    testing::fill_random(model.input(), 1);
    step(0.01);
  }
  void step(double learning_rate, float target = 1) {
    SGD sgd({.learning_rate = learning_rate});
    model.train_batch(std::vector<float>(kImages * 4, target), sgd);
  }
  void set(const std::string& name, float value, bool all = false) {
    model.edit_parameters([&](std::span<Parameter> parameters) {
      for (Parameter& parameter : parameters) {
        if (parameter.name() != name) continue;
        std::fill_n(parameter.value(), all ? parameter.size() : 1, value);
        return;
      }
      FAIL() << "no parameter " << name;
    });
  }

  Executor executor{3};
  Model model;
};

TEST(NonFiniteTest, NothingToReport) {
  Trained trained;
  EXPECT_EQ(trained.model.first_non_finite(), std::nullopt);
}

TEST(NonFiniteTest, NamesTheLayerWhoseOutputIsTheFirst) {
  struct Case {
    std::string parameter;
    float value;
    std::string layer;
  };
  for (const Case& c : {Case{"conv2d/bias", kLarge * 2, "conv2d + max_pooling2d"},
                        Case{"residual/main/conv2d/kernel", kNaN, "residual/main/conv2d"},
                        Case{"residual/main/batch_normalization/gamma", kNaN,
                             "residual/main/batch_normalization"},
                        Case{"residual/main/conv2d_1/bias", kNaN, "residual/main/conv2d_1"},
                        Case{"conv2d_1/kernel", kNaN, "conv2d_1"},
                        Case{"dense/bias", kNaN, "dense"},
                        Case{"dense_1/bias", kNaN, "dense_1"}}) {
    Trained trained;
    trained.set(c.parameter, c.value);
    trained.step(0.01);
    EXPECT_EQ(trained.model.first_non_finite(), "output of " + c.layer + " in the forward pass")
        << c.parameter;
  }
}

// In the last image only, which is in the last chunk.
TEST(NonFiniteTest, NamesTheInput) {
  Trained trained;
  trained.model.input().back() = kNaN;
  trained.step(0);
  EXPECT_EQ(trained.model.first_non_finite(), "input of the forward pass");
}

TEST(NonFiniteTest, NamesTheLossOfFiniteOutputs) {
  Trained trained(std::make_shared<MeanSquaredError>());
  trained.step(0, 1e30F);
  EXPECT_EQ(trained.model.first_non_finite(), "loss in the forward pass");
  trained.step(0);
  EXPECT_EQ(trained.model.first_non_finite(), std::nullopt) << "of another batch";
}

TEST(NonFiniteTest, NamesMovingStatistics) {
  Trained trained;
  // Normalized they are finite, but their variance is not.
  trained.set("residual/main/conv2d/kernel", 1e30F, true);
  trained.step(0);
  EXPECT_EQ(trained.model.first_non_finite(),
            "value of residual/main/batch_normalization/moving_variance in the forward pass");
}

// The gradient where it began, and not those that were made from it.
TEST(NonFiniteTest, NamesTheGradientNearestToTheLoss) {
  Sequential chain({3});
  chain.add(Dense({.units = 2})).add(Dense({.units = 2})).add(Dense({.units = 2}));
  Executor executor(1);
  Model model(chain, executor, {.max_batch = 1, .loss = std::make_shared<MeanSquaredError>()});
  std::ranges::fill(model.input(), 1.0F);
  model.edit_parameters([](std::span<Parameter> p) {
    std::fill_n(p[2].value(), 4, 0.0F);   // an output of the second layer of 1e38
    std::fill_n(p[3].value(), 2, 1e38F);
    std::fill_n(p[4].value(), 4, 0.0F);   // and of the third of 0, whose loss is finite
  });
  SGD sgd;
  model.train_batch(std::vector<float>{1, -1e10F}, sgd);
  EXPECT_EQ(model.first_non_finite(), "gradient of dense_2/kernel in the backward pass");
}

TEST(NonFiniteTest, NamesAValue) {
  Trained trained;
  trained.step(1e42);  // infinite as a float
  EXPECT_EQ(trained.model.first_non_finite(), "value of conv2d/kernel in the update");
}

}  // namespace
}  // namespace tilewise
