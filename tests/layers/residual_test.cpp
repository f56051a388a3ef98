#include "tilewise/layers/residual.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "support/error_matchers.hpp"
#include "support/random_data.hpp"
#include "support/reference_network.hpp"
#include "support/roundings.hpp"
#include "support/tolerance.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/layers/adam.hpp"
#include "tilewise/layers/model.hpp"
#include "tilewise/layers/profiler.hpp"

namespace tilewise {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::throws_line;

/// Two convolutions, the first with `strides`.
Sequential branch(const Shape& input, std::int64_t filters, std::int64_t strides) {
  Sequential main(input);
  main.add(Conv2D({.filters = filters, .strides = strides, .padding = Padding::same}))
      .add(BatchNormalization())
      .add(ReLU())
      .add(Conv2D({.filters = filters, .padding = Padding::same}));
  return main;
}

Sequential projection(const Shape& input, std::int64_t filters, std::int64_t strides) {
  Sequential shortcut(input);
  shortcut.add(Conv2D({.filters = filters, .kernel_size = 1, .strides = strides, .padding = Padding::same}))
      .add(BatchNormalization());
  return shortcut;
}

/// A small residual network: blocks with an identity, a projection and a block within a block.
Sequential small_resnet() {
  Sequential network({11, 10, 3});
  network.add(Conv2D({.filters = 8, .padding = Padding::same}));
  network.add(Residual(branch(network.output_shape(), 8, 1))).add(ReLU());
  network.add(Residual(branch(network.output_shape(), 12, 2), projection(network.output_shape(), 12, 2)));
  Sequential outer(network.output_shape());
  outer.add(ReLU())
      .add(Residual(branch(network.output_shape(), 12, 1)))
      .add(Dropout(0.25))
      .add(Conv2D({.filters = 12, .kernel_size = 1}));
  network.add(Residual(outer)).add(Flatten()).add(Dense({.units = 10}));
  return network;
}

std::vector<std::int32_t> some_labels(int images) {
  std::vector<std::int32_t> labels;
  for (int i = 0; i < images; ++i) labels.push_back(i % 10);
  return labels;
}

std::vector<float> train_on(int threads, const PlanOptions& plan = {}) {
  Executor executor(threads);
  Model model(small_resnet(), executor, {.max_batch = 20, .seed = 3, .plan = plan});
  Adam adam;
  for (std::uint32_t step = 0; step < 10; ++step) {
    testing::fill_random(model.input(), step);
    model.train_batch(some_labels(step % 4 == 3 ? 13 : 20), adam);
  }
  std::vector<float> all;
  for (const Parameter& p : model.parameters()) all.insert(all.end(), p.value(), p.value() + p.size());
  const auto output = model.predict_batch(7);
  all.insert(all.end(), output.begin(), output.end());
  return all;
}

TEST(ResidualDeterminismTest, SameBitsOnAnyNumberOfThreads) {
  const std::vector<float> expected = train_on(1);
  for (const int threads : {2, 3, 8}) EXPECT_TRUE(testing::same_bits(train_on(threads), expected)) << threads;
}

TEST(ResidualDeterminismTest, PlansChangeNoBit) {
  const std::vector<float> expected = train_on(2);
  EXPECT_TRUE(testing::same_bits(train_on(2, {.skip_unread = false}), expected));
  EXPECT_TRUE(testing::same_bits(train_on(2, {.depth_first = false}), expected));
}

TEST(ResidualTest, PredictsWhatTheReferenceDoes) {
  Executor executor(2);
  Model model(small_resnet(), executor, {.max_batch = 6, .seed = 1});
  std::vector<std::vector<double>> parameters;
  model.edit_parameters([&](std::span<Parameter> all) {
    for (Parameter& p : all) {
      if (p.name().ends_with("moving_mean") || p.name().ends_with("beta")) {
        testing::fill_random(std::span(p.value(), static_cast<std::size_t>(p.size())), 5);
      }
      parameters.emplace_back(p.value(), p.value() + p.size());
    }
  });
  testing::fill_random(model.input(), 2);
  const reference::Network exact(model.network(), parameters);
  const auto output = model.predict_batch(5);
  const auto size = static_cast<std::size_t>(model.network().input_shape().elements());
  for (std::size_t image = 0; image < 5; ++image) {
    const auto pixels = model.input().subspan(image * size, size);
    const auto expected =
        exact.forward({pixels.begin(), pixels.end()}, static_cast<std::int64_t>(image), false, false);
    double largest = 1;
    for (const double value : expected) largest = std::max(largest, std::abs(value));
    const std::vector<double> bound(10, testing::gamma(testing::forward_roundings(model.network())) * largest);
    EXPECT_TRUE(testing::all_near(output.subspan(image * 10, 10), expected, bound));
  }
}

TEST(ResidualTest, ParametersHaveNamesOfTheirOwn) {
  Executor executor(1);
  const Model model(small_resnet(), executor, {.max_batch = 1});
  std::set<std::string> names;
  std::int64_t count = 0;
  for (const Parameter& p : model.parameters()) {
    EXPECT_TRUE(names.insert(p.name()).second) << p.name();
    count += p.size();
  }
  for (const char* name :
       {"residual/main/conv2d_1/bias", "residual_1/main/conv2d/kernel", "residual_1/shortcut/conv2d/kernel",
        "residual_1/shortcut/batch_normalization/moving_mean", "residual_2/main/residual/main/conv2d/kernel"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
  EXPECT_EQ(model.network().parameter_count(), count);
}

TEST(ResidualTest, CountsAndListsWhatIsInIt) {
  const Shape input{8, 8, 4};
  Sequential network(input);
  network.add(Residual(branch(input, 6, 2), projection(input, 6, 2)));
  const auto& block = network.layers()[0];
  EXPECT_EQ(block.output, (Shape{4, 4, 6}));
  const std::int64_t main = 3 * 3 * 4 * 6 + 6 + 4 * 6 + 3 * 3 * 6 * 6 + 6, shortcut = 4 * 6 + 6 + 4 * 6;
  EXPECT_EQ(block.parameter_count(), main + shortcut);
  EXPECT_EQ(network.trainable_count(), main + shortcut - 2 * 2 * 6);
  EXPECT_EQ(block.layer_count(), 1U + 4 + 2);
  const double first = 2 * 4 * 4 * 6 * (3 * 3 * 4), second = 2 * 4 * 4 * 6 * (3 * 3 * 6),
               projected = 2 * 4 * 4 * 6 * 4;
  EXPECT_EQ(network.forward_flops(), first + second + projected);
  // Of the two convolutions that read the input nobody wants its gradient.
  EXPECT_EQ(network.training_flops(), 2 * first + 3 * second + 2 * projected);
  const std::string summary = network.summary();
  EXPECT_THAT(summary, HasSubstr("\n residual (Residual)"));
  EXPECT_THAT(summary, HasSubstr("\n   main/conv2d_1 (Conv2D)"));
  EXPECT_THAT(summary, HasSubstr("\n   shortcut/batch_normalization (BatchNormalization) (None, 4, 4, 6)"));
}

TEST(ResidualTest, ProfilesShowItsParts) {
  Profiler profiler;
  Executor executor(1);
  const Shape input{5, 5, 2};
  Sequential main(input), shortcut(input), network(input);
  main.add(Conv2D({.filters = 3, .kernel_size = 2})).add(MaxPool2D()).add(Flatten());
  shortcut.add(Flatten()).add(Dense({.units = 12}));
  network.add(Residual(main, shortcut)).add(Dense({.units = 10}));
  Model model(network, executor, {.max_batch = 3, .profiler = &profiler});
  Adam adam;
  profiler.start();
  model.train_batch(some_labels(3), adam);
  profiler.stop();
  std::vector<std::string> forward, backward;
  for (const ProfileRow& row : profiler.rows()) {
    if (row.activity.pass == "forward") forward.push_back(row.activity.layer);
    if (row.activity.pass == "backward") backward.push_back(row.activity.layer);
    if (row.activity.layer == "residual/add") {
      EXPECT_EQ(row.work.bytes, 4 * 3 * 3 * 12);
    }
  }
  EXPECT_THAT(forward, ElementsAre("residual/fork", "residual/main/conv2d + residual/main/max_pooling2d",
                                   "residual/switch", "residual/shortcut/dense", "residual/add", "dense",
                                   "loss"));
  // Nobody wants the gradient of the input.
  EXPECT_THAT(backward, ElementsAre("dense", "residual/add", "residual/shortcut/dense", "residual/switch",
                                    "residual/main/conv2d + residual/main/max_pooling2d"));
}

TEST(ResidualTest, RefusesBranchesThatDoNotMeet) {
  const Shape input{8, 8, 4};
  const Sequential none(input), main = branch(input, 6, 2);
  EXPECT_THAT([&] { Residual{none}; }, throws_line<ArgumentError>("main branch has no layers"));
  EXPECT_THAT([&] { Residual(main, none); }, throws_line<ArgumentError>("shortcut branch has no layers"));
  EXPECT_THAT([&] { Residual{main}; },
              throws_line<ShapeError>("main ends in conv2d_1 with (4, 4, 6)", "input is (8, 8, 4)"));
  EXPECT_THAT([&] { Residual(main, projection({8, 8, 3}, 6, 2)); },
              throws_line<ShapeError>("main begins with (8, 8, 4)", "the shortcut with (8, 8, 3)"));
  EXPECT_THAT([&] { Residual(main, projection(input, 5, 2)); },
              throws_line<ShapeError>("conv2d_1 with (4, 4, 6)", "batch_normalization with (4, 4, 5)"));
  EXPECT_THAT([&] { Sequential({9, 8, 4}).add(Residual(branch(input, 4, 1))); },
              throws_line<ShapeError>("layer residual", "(9, 8, 4)", "expected (8, 8, 4)", "conv2d"));
}

// Or two parameters would have one name, and a file of weights one of them.
TEST(ResidualTest, NamesOfLayersInsideAreNotGivenTwice) {
  Sequential main({4, 4, 2});
  main.add(Dense({.units = 2}));
  Sequential network({4, 4, 2});
  network.add(Residual(main));
  EXPECT_THAT([&] { network.add(Dense({.units = 2}), "residual/main/dense"); },
              throws_line<ArgumentError>("layer residual/main/dense: ", "inside another layer", "residual"));
  network.add(Dense({.units = 2}), "block/main/dense");
  EXPECT_THAT([&] { network.add(Residual(main), "block"); },
              throws_line<ArgumentError>("layer block: ", "inside another layer", "block/main/dense"));
  EXPECT_EQ(network.layers().size(), 2U);
  EXPECT_NO_THROW(network.add(Dense({.units = 2}), "block/main"));
}

}  // namespace
}  // namespace tilewise
