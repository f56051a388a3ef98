#include "tilewise/layers/activation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "support/error_matchers.hpp"
#include "support/tolerance.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/layers/dense.hpp"
#include "tilewise/layers/elu.hpp"
#include "tilewise/layers/gelu.hpp"
#include "tilewise/layers/leaky_relu.hpp"
#include "tilewise/layers/model.hpp"
#include "tilewise/layers/sigmoid.hpp"
#include "tilewise/layers/silu.hpp"
#include "tilewise/layers/tanh.hpp"

namespace tilewise {
namespace {

using testing::throws_line;

/// What a layer makes of two numbers; its kernel, if it has one, is the identity.
template <class L>
std::vector<float> apply(L layer, float first, float second) {
  Sequential network({2});
  network.add(std::move(layer));
  Executor executor(1);
  Model model(network, executor, {.max_batch = 1});
  model.edit_parameters([](std::span<Parameter> parameters) {
    const float identity[] = {1, 0, 0, 1};
    for (Parameter& kernel : parameters) std::copy_n(identity, 4, kernel.value());
  });
  model.input()[0] = first;
  model.input()[1] = second;
  const auto output = model.predict_batch(1);
  return {output.begin(), output.end()};
}

std::vector<float> apply(Activation activation, float first, float second) {
  return apply(Dense({.units = 2, .activation = activation, .use_bias = false}), first, second);
}

/// Values of keras.activations in double; the kernels' own tests know the bound.
::testing::AssertionResult near(const std::vector<float>& actual, const std::vector<double>& expected) {
  return testing::all_near(actual, expected, std::vector<double>(expected.size(), testing::gamma(25)));
}

TEST(ActivationTest, LayersHaveKerasDefaults) {
  EXPECT_TRUE(near(apply(LeakyReLU(), -1, 2), {-0.3, 2}));
  EXPECT_TRUE(near(apply(LeakyReLU({.negative_slope = 0.01}), -1, 2), {-0.01, 2}));
  EXPECT_TRUE(near(apply(ELU(), -1, 2), {-0.6321205588, 2}));
  EXPECT_TRUE(near(apply(ELU({.alpha = 0.5}), -1, 2), {-0.3160602794, 2}));
  EXPECT_TRUE(near(apply(GELU(), 1, -2), {0.8413447461, -0.0455002639}));
  EXPECT_TRUE(near(apply(GELU({.approximate = true}), 1, -2), {0.8411919906, -0.0454023059}));
  EXPECT_TRUE(near(apply(SiLU(), 1, -2), {0.7310585786, -0.2384058440}));
  EXPECT_TRUE(near(apply(Sigmoid(), 1, -2), {0.7310585786, 0.1192029220}));
  EXPECT_TRUE(near(apply(Tanh(), 0.5F, -1), {0.4621171573, -0.7615941560}));
}

TEST(ActivationTest, DenseAppliesThem) {
  EXPECT_TRUE(near(apply(Activation::linear, -1, 2), {-1, 2}));
  EXPECT_TRUE(near(apply(Activation::relu, -1, 2), {0, 2}));
  EXPECT_TRUE(near(apply(Activation::softmax, -1, -1), {0.5, 0.5}));
  EXPECT_TRUE(near(apply(Activation::leaky_relu, -1, 2), {-0.2, 2}));  // not the layer's 0.3
  EXPECT_TRUE(near(apply(Activation::elu, -1, 2), {-0.6321205588, 2}));
  EXPECT_TRUE(near(apply(Activation::gelu, 1, -2), {0.8413447461, -0.0455002639}));
  EXPECT_TRUE(near(apply(Activation::silu, 1, -2), {0.7310585786, -0.2384058440}));
  EXPECT_TRUE(near(apply(Activation::sigmoid, 1, -2), {0.7310585786, 0.1192029220}));
  EXPECT_TRUE(near(apply(Activation::tanh, 0.5F, -1), {0.4621171573, -0.7615941560}));
}

TEST(ActivationTest, NamesAreKerass) {
  const char* const names[] = {"linear", "relu", "softmax", "leaky_relu", "elu",
                               "gelu",   "silu", "sigmoid", "tanh"};
  for (const char* name : names) EXPECT_EQ(activation_name(parse_activation(name)), name);
  EXPECT_EQ(parse_activation("leaky_relu"), Activation::leaky_relu);
  EXPECT_EQ(parse_activation("swish"), Activation::silu);
  EXPECT_THAT([] { parse_activation("rely"); },
              throws_line<ArgumentError>("activation 'rely'", "relu, softmax"));
}

TEST(ActivationTest, RefusesBadOptions) {
  EXPECT_THAT([] { LeakyReLU({.negative_slope = -0.5}); },
              throws_line<ArgumentError>("LeakyReLU", "negative_slope -0.5 is not"));
  EXPECT_THAT([] { ELU({.alpha = std::numeric_limits<double>::quiet_NaN()}); },
              throws_line<ArgumentError>("ELU", "alpha nan"));
  EXPECT_THAT([] { ELU({.alpha = std::numeric_limits<double>::infinity()}); },
              throws_line<ArgumentError>("ELU", "alpha inf"));
}

}  // namespace
}  // namespace tilewise
