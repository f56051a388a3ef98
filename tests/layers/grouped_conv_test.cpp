// Conv2D with groups, and DepthwiseConv2D.

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
#include "tilewise/layers/depthwise_conv2d.hpp"
#include "tilewise/layers/flatten.hpp"
#include "tilewise/layers/max_pool2d.hpp"
#include "tilewise/layers/model.hpp"

namespace tilewise {
namespace {

using testing::throws_line;

/// Weights after some steps, with batches of several sizes.
std::vector<float> train_on(int threads, const PlanOptions& plan = {}) {
  Sequential network({22, 21, 4});
  network.add(Conv2D({.filters = 18, .padding = Padding::same, .groups = 2, .activation = Activation::relu}))
      .add(DepthwiseConv2D({.strides = 2, .padding = Padding::same, .depth_multiplier = 2}))
      .add(Conv2D({.filters = 12, .kernel_size = 1, .groups = 4}))
      .add(DepthwiseConv2D({.activation = Activation::relu}))
      .add(MaxPool2D())  // leaves a row and a column unread
      .add(Flatten())
      .add(Dense({.units = 10}));
  Executor executor(threads);
  Model model(network, executor, {.max_batch = 24, .seed = 3, .plan = plan});
  Adam adam;
  for (std::uint32_t step = 0; step < 6; ++step) {
    testing::fill_random(model.input(), step);
    std::vector<std::int32_t> labels;
    for (int i = 0; i < (step % 3 == 2 ? 13 : 24); ++i) labels.push_back(i % 10);
    model.train_batch(labels, adam);
  }
  std::vector<float> all;
  for (const Parameter& p : model.parameters()) all.insert(all.end(), p.value(), p.value() + p.size());
  return all;
}

TEST(GroupedConvDeterminismTest, SameBitsOnAnyNumberOfThreads) {
  const std::vector<float> expected = train_on(1);
  for (const int threads : {2, 3, 8}) EXPECT_TRUE(testing::same_bits(train_on(threads), expected)) << threads;
}

TEST(GroupedConvDeterminismTest, SkippingWhatNobodyReadsChangesNoBit) {
  EXPECT_TRUE(testing::same_bits(train_on(2, {.skip_unread = false}), train_on(2)));
}

TEST(GroupedConvTest, FiltersSeeTheirGroup) {
  Sequential network({6, 5, 8});
  network.add(Conv2D({.filters = 12, .groups = 4}));
  const auto& conv = network.layers()[0];
  EXPECT_EQ(conv.parameters[0].shape, (Shape{3, 3, 2, 12}));
  EXPECT_EQ(conv.parameters[1].shape, Shape{12});
  EXPECT_EQ(network.forward_flops(), 2 * 4 * 3 * 12 * (3 * 3 * 2));
}

TEST(GroupedConvTest, DepthwiseShapesAreThoseOfKeras) {
  Sequential network({6, 5, 8});
  network.add(DepthwiseConv2D({.depth_multiplier = 3}));
  const auto& conv = network.layers()[0];
  EXPECT_EQ(conv.name, "depthwise_conv2d");
  EXPECT_EQ(conv.output, (Shape{4, 3, 24}));
  EXPECT_EQ(conv.parameters[0].name, "kernel");
  EXPECT_EQ(conv.parameters[0].shape, (Shape{3, 3, 8, 3}));
  EXPECT_EQ(conv.parameters[1].name, "bias");
  EXPECT_EQ(conv.parameters[1].shape, Shape{24});
  EXPECT_EQ(network.forward_flops(), 2 * 4 * 3 * 24 * (3 * 3));
}

TEST(GroupedConvTest, RefusesChannelsThatDoNotDivide) {
  EXPECT_THAT([] { Conv2D({.filters = 10, .groups = 4}); },
              throws_line<ArgumentError>("10 filters", "4 equal groups"));
  EXPECT_THAT([] { Conv2D({.filters = 10, .groups = 0}); }, throws_line<ArgumentError>("0 equal groups"));
  EXPECT_THAT([] { Sequential({6, 6, 5}).add(Conv2D({.filters = 4, .groups = 2})); },
              throws_line<ShapeError>("layer conv2d", "(6, 6, 5)", "2 equal groups"));
  EXPECT_THAT([] { DepthwiseConv2D({.depth_multiplier = 0}); },
              throws_line<ArgumentError>("depth_multiplier 0"));
  EXPECT_THAT([] { Sequential({6}).add(DepthwiseConv2D()); },
              throws_line<ShapeError>("layer depthwise_conv2d", "(6)", "(height, width, channels)"));
}

}  // namespace
}  // namespace tilewise
