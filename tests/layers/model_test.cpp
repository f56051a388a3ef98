#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "support/error_matchers.hpp"
#include "support/random_data.hpp"
#include "support/reference_network.hpp"
#include "support/tolerance.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/layers/adam.hpp"
#include "tilewise/layers/conv2d.hpp"
#include "tilewise/layers/dense.hpp"
#include "tilewise/layers/dropout.hpp"
#include "tilewise/layers/flatten.hpp"
#include "tilewise/layers/max_pool2d.hpp"
#include "tilewise/layers/model.hpp"
#include "tilewise/layers/profiler.hpp"
#include "tilewise/layers/relu.hpp"
#include "tilewise/layers/sgd.hpp"
#include "tilewise/train/networks.hpp"

namespace tilewise {
namespace {

using testing::throws_line;

void fill_input(Model& model, std::uint32_t seed) {
  testing::fill_random(model.input(), seed);
}

std::vector<std::int32_t> some_labels(std::int64_t images, std::uint32_t seed) {
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < images; ++i) {
    labels.push_back(static_cast<std::int32_t>((static_cast<std::uint32_t>(i) * 7 + seed) % 10));
  }
  return labels;
}

std::vector<float> all_weights(const Model& model) {
  std::vector<float> weights;
  for (const Parameter& parameter : model.parameters()) {
    weights.insert(weights.end(), parameter.value(), parameter.value() + parameter.size());
  }
  return weights;
}

/// Weights after some steps of training. Without Winograd's filtering, whose tiles at the edges are others where less
/// of an output is wanted.
std::vector<float> train_on(const Sequential& network, bool skip_unread) {
  Executor executor(2);
  Model model(network, executor,
              {.max_batch = 10, .seed = 3, .plan = {.skip_unread = skip_unread, .winograd = false}});
  Adam adam;
  for (std::uint32_t step = 0; step < 5; ++step) {
    fill_input(model, step);
    model.train_batch(some_labels(10, step), adam);
  }
  return all_weights(model);
}

TEST(DeterminismTest, SkippingWhatNobodyReadsChangesNoBit) {
  const auto head = [](Sequential& network) { network.add(Flatten()).add(Dense({.units = 10})); };
  Sequential strided({17, 14, 2});
  strided.add(Conv2D({.filters = 5, .padding = Padding::same, .activation = Activation::relu}))
      .add(Conv2D({.filters = 18, .strides = 2, .padding = Padding::same}))
      .add(ReLU())
      .add(MaxPool2D({.pool_size = 2, .strides = 3}));
  head(strided);
  Sequential interrupted({13, 12, 3});
  interrupted.add(Conv2D({.filters = 16, .kernel_size = 2}))
      .add(Dropout(0.25))
      .add(Conv2D({.filters = 7, .dilation_rate = 2, .activation = Activation::relu}))
      .add(MaxPool2D({.pool_size = 3}));
  head(interrupted);
  // Layers before an odd pooling that cannot make a part of their output.
  Sequential first({11, 11, 3});
  first.add(ReLU()).add(MaxPool2D());
  head(first);
  Sequential pointwise({11, 11, 3});
  pointwise.add(Dense({.units = 8})).add(Dropout(0.5)).add(ReLU()).add(MaxPool2D());
  head(pointwise);
  Sequential averaged({13, 12, 3});
  averaged.add(ZeroPadding2D())
      .add(Conv2D({.filters = 16, .kernel_size = 2}))
      .add(AveragePooling2D({.pool_size = 3}))
      .add(Conv2D({.filters = 8, .activation = Activation::silu}))
      .add(AveragePooling2D());
  head(averaged);
  for (const Sequential& network :
       {mnist_convnet(), strided, interrupted, first, pointwise, averaged}) {
    EXPECT_TRUE(testing::same_bits(train_on(network, true), train_on(network, false)))
        << network.summary();
  }
}

TEST(DeterminismTest, DepthFirstChangesNoBit) {
  Sequential network({40, 40, 1});  // an image is as much as fits in cache
  network.add(Conv2D({.filters = 32, .activation = Activation::relu}))
      .add(Conv2D({.filters = 16, .activation = Activation::relu}))
      .add(MaxPool2D())
      .add(Dropout(0.5))
      .add(Flatten())
      .add(Dense({.units = 10}));
  Executor executor(2);
  std::vector<std::vector<float>> weights;
  for (const bool depth_first : {true, false}) {
    Profiler profiler;
    Model model(network, executor,
                {.max_batch = 48, .seed = 3, .plan = {.depth_first = depth_first}, .profiler = &profiler});
    Adam adam;
    profiler.start();
    for (std::uint32_t step = 0; step < 3; ++step) {
      fill_input(model, step);
      model.train_batch(some_labels(48, step), adam);
    }
    profiler.stop();
    for (const ProfileRow& row : profiler.rows()) {
      if (row.activity.layer != "conv2d" || row.activity.pass != "forward") continue;
      EXPECT_EQ(row.calls, 3 * (depth_first ? 48 : 16));
    }
    weights.push_back(all_weights(model));
  }
  EXPECT_TRUE(testing::same_bits(weights[0], weights[1]));
}

// What is packed for one purpose serves another only where it suffices.
TEST(DeterminismTest, PredictingBetweenStepsChangesNoBit) {
  Executor executor(2);
  std::vector<std::vector<float>> weights;
  for (const bool predicts : {false, true}) {
    Model model(mnist_convnet(), executor, {.max_batch = 12, .seed = 3});
    Adam adam;
    for (std::uint32_t step = 0; step < 4; ++step) {
      fill_input(model, step);
      if (predicts) model.evaluate_batch(some_labels(12, step));
      model.train_batch(some_labels(12, step), adam);
      if (predicts) model.predict_batch(5);
    }
    weights.push_back(all_weights(model));
  }
  EXPECT_TRUE(testing::same_bits(weights[0], weights[1]));
}

TEST(DeterminismTest, SeedsDiffer) {
  Executor executor(1);
  const Model one(mnist_convnet(), executor, {.max_batch = 1, .seed = 1});
  const Model two(mnist_convnet(), executor, {.max_batch = 1, .seed = 2});
  EXPECT_NE(all_weights(one), all_weights(two));
}

TEST(ModelTest, PredictsWhatTheReferenceDoes) {
  Executor executor(2);
  Model model(mnist_convnet(), executor, {.max_batch = 5, .seed = 1});
  fill_input(model, 1);
  const auto output = model.predict_batch(3);
  ASSERT_EQ(output.size(), 30U);
  std::vector<std::vector<double>> parameters;
  for (const Parameter& p : model.parameters()) parameters.emplace_back(p.value(), p.value() + p.size());
  const reference::Network exact(model.network(), parameters);
  for (std::int64_t image = 0; image < 3; ++image) {
    const auto pixels = model.input().subspan(static_cast<std::size_t>(image * 784), 784);
    const auto expected = exact.forward({pixels.begin(), pixels.end()}, image, false, false);
    // The longest sums have 9, 288 and 1600 terms; a logit's error is its probability's.
    const std::vector<double> bound(10, testing::gamma(9 + 288 + 1600) * 4);
    EXPECT_TRUE(testing::all_near(output.subspan(static_cast<std::size_t>(image * 10), 10), expected,
                                  bound));
  }
}

TEST(ModelTest, BatchesDoNotAffectEachOther) {
  Executor executor(2);
  Model model(mnist_convnet(), executor, {.max_batch = 20, .seed = 1});
  fill_input(model, 4);
  const auto all = model.predict_batch(20);
  const std::vector<float> first(all.begin(), all.begin() + 10);
  const auto one = model.predict_batch(1);
  EXPECT_TRUE(testing::same_bits(one, first));
}

// Packed filters are kept from batch to batch, until weights change: by hand or by training.
TEST(ModelTest, PredictsWithTheWeightsThatItHas) {
  Executor executor(2);
  Model model(mnist_convnet(), executor, {.max_batch = 4, .seed = 1});
  fill_input(model, 1);
  const auto predict = [&](Model& m) {
    const auto output = m.predict_batch(4);
    return std::vector<float>(output.begin(), output.end());
  };
  const auto predict_afresh = [&] {
    Model other(mnist_convnet(), executor, {.max_batch = 4, .seed = 2});
    std::ranges::copy(model.input(), other.input().begin());
    other.edit_parameters([&](std::span<Parameter> parameters) {
      for (std::size_t p = 0; p < parameters.size(); ++p) {
        const Parameter& from = model.parameters()[p];
        std::copy_n(from.value(), from.size(), parameters[p].value());
      }
    });
    return predict(other);
  };
  const std::vector<float> first = predict(model);
  EXPECT_TRUE(testing::same_bits(predict(model), first));
  model.edit_parameters([](std::span<Parameter> parameters) {
    for (Parameter& parameter : parameters) parameter.value()[0] += 0.5F;
  });
  const std::vector<float> changed = predict(model);
  EXPECT_FALSE(testing::same_bits(changed, first));
  EXPECT_TRUE(testing::same_bits(changed, predict_afresh()));
  Adam adam;
  model.train_batch(some_labels(4, 0), adam);
  const std::vector<float> trained = predict(model);
  EXPECT_FALSE(testing::same_bits(trained, changed));
  EXPECT_TRUE(testing::same_bits(trained, predict_afresh()));
  // What was packed for predicting does for training only in part.
  model.train_batch(some_labels(4, 1), adam);
  EXPECT_TRUE(testing::same_bits(predict(model), predict_afresh()));
}

TEST(ModelTest, LearnsOneBatchByHeart) {
  Executor executor(2);
  for (const bool use_adam : {true, false}) {
    Model model(mnist_convnet(), executor, {.max_batch = 16, .seed = 1});
    Adam adam;
    SGD sgd({.learning_rate = 0.02, .momentum = 0.9});
    fill_input(model, 1);
    const auto labels = some_labels(16, 0);
    for (int step = 0; step < 60; ++step) {
      model.train_batch(labels, use_adam ? static_cast<Optimizer&>(adam) : sgd);
    }
    EXPECT_EQ(model.evaluate_batch(labels).correct, 16) << (use_adam ? "adam" : "sgd");
  }
}

TEST(ModelTest, RefusesTheOptimizerOfAnotherNetwork) {
  Executor executor(1);
  Model model(mnist_convnet(), executor, {.max_batch = 2});
  Sequential smaller({28, 28, 1});
  smaller.add(Flatten()).add(Dense({.units = 10}));
  Model other(smaller, executor, {.max_batch = 2});
  Adam adam;
  model.train_batch(some_labels(2, 0), adam);
  EXPECT_THAT([&] { other.train_batch(some_labels(2, 0), adam); },
              throws_line<ArgumentError>("optimizer", "another"));
  Adam fresh;
  EXPECT_NO_THROW(other.train_batch(some_labels(2, 0), fresh));
}

// The loss takes the place of a softmax only where both are over the same values.
TEST(ModelTest, ASoftmaxOverPartsOfTheOutputStaysWhatItIs) {
  Sequential network({2, 2, 3});
  network.add(Dense({.units = 4, .activation = Activation::softmax})).add(Flatten());
  Executor executor(1);
  Model model(network, executor, {.max_batch = 1, .seed = 1});
  fill_input(model, 1);
  const auto output = model.predict_batch(1);
  double sum = 0;
  for (const float value : output) sum += std::exp(static_cast<double>(value));
  const double expected = std::log(sum) - static_cast<double>(output[5]);
  EXPECT_NEAR(model.evaluate_batch(std::vector<std::int32_t>{5}).loss_sum, expected, 1e-5);
}

TEST(ModelTest, RefusesBadBatches) {
  Executor executor(1);
  Model model(mnist_convnet(), executor, {.max_batch = 4});
  Adam adam;
  EXPECT_THAT([&] { model.predict_batch(5); }, throws_line<ArgumentError>("5", "1 to 4"));
  EXPECT_THAT([&] { model.predict_batch(0); }, throws_line<ArgumentError>("0", "1 to 4"));
  const std::vector<std::int32_t> bad = {1, 10};
  EXPECT_THAT([&] { model.train_batch(bad, adam); }, throws_line<ArgumentError>("10", "image 1"));
  EXPECT_THAT([&] { Model(mnist_convnet(), executor, {.max_batch = 0}); },
              throws_line<ArgumentError>("max_batch 0"));
}

TEST(SequentialTest, CountsTheKerasExample) {
  const Sequential network = mnist_convnet();
  EXPECT_EQ(network.parameter_count(), 34'826);
  ASSERT_EQ(network.layers().size(), 7U);
  EXPECT_EQ(network.layers()[2].name, "conv2d_1");
  EXPECT_EQ(network.layers()[2].parameter_count(), 18'496);
  EXPECT_EQ(network.layers()[2].output, (Shape{11, 11, 64}));
  // Two passes of 0.389 MFLOP, three of 4.461 and of 0.032.
  EXPECT_DOUBLE_EQ(network.training_flops(), 2 * 389'376 + 3 * 4'460'544 + 3 * 32'000);
  const std::string summary = network.summary();
  EXPECT_THAT(summary, ::testing::HasSubstr("34,826"));
  EXPECT_THAT(summary, ::testing::HasSubstr("max_pooling2d_1 (MaxPooling2D)"));
  EXPECT_THAT(summary, ::testing::HasSubstr("(None, 5, 5, 64)"));
}

TEST(SequentialTest, NamesTheLayerThatDoesNotFit) {
  Sequential network({4, 4, 1});
  network.add(Conv2D({.filters = 2}));
  EXPECT_THAT([&] { network.add(Conv2D({.filters = 2})); },
              throws_line<ShapeError>("conv2d_1", "window of 3", "2"));
  EXPECT_EQ(network.layers().size(), 1U);
  network.add(Flatten());
  EXPECT_THAT([&] { network.add(MaxPool2D()); },
              throws_line<ShapeError>("max_pooling2d", "(8)", "(height, width, channels)"));
}

TEST(SequentialTest, RefusesBadOptions) {
  EXPECT_THAT([] { Conv2D({.filters = 0}); }, throws_line<ArgumentError>("filters 0"));
  EXPECT_THAT([] { Dense({.units = -1}); }, throws_line<ArgumentError>("units -1"));
  EXPECT_THAT([] { Dropout(1.5); }, throws_line<ArgumentError>("Dropout: rate 1.5 is not in [0, 1)"));
  EXPECT_THAT([] { Dropout(1.0); }, throws_line<ArgumentError>("rate 1 is"));
  EXPECT_THAT([] { Adam({.beta_1 = 1}); }, throws_line<ArgumentError>("beta_1"));
  EXPECT_THAT([] { SGD({.momentum = 1}); }, throws_line<ArgumentError>("momentum 1 is"));
  EXPECT_THAT([] { Adam({.learning_rate = -1}); }, throws_line<ArgumentError>("learning rate -1 is"));
  EXPECT_THAT([] { Sequential({3, 3, 1}).add(Conv2D({.filters = 1, .strides = 0})); },
              throws_line<ShapeError>("stride 0"));
}

TEST(WindowTest, SamePaddingIsThatOfKeras) {
  // ceil(input / stride) outputs; of an odd amount of padding the larger part comes after.
  const WindowAxis even = slide_window(28, 2, 1, 1, Padding::same);
  EXPECT_EQ(even.output, 28);
  EXPECT_EQ(even.pad_before, 0);
  EXPECT_EQ(even.pad_after, 1);
  const WindowAxis strided = slide_window(7, 3, 2, 1, Padding::same);
  EXPECT_EQ(strided.output, 4);
  EXPECT_EQ(strided.pad_before, 1);
  EXPECT_EQ(slide_window(11, 2, 2, 1, Padding::valid).output, 5);
  EXPECT_EQ(slide_window(11, 3, 1, 2, Padding::valid).output, 7);
}

// Names that are given are kept, automatic ones keep out of their way.
TEST(SequentialTest, LayerNames) {
  Sequential network({4});
  network.add(Dense({.units = 3}), "dense_1").add(Dense({.units = 3})).add(Dense({.units = 2}));
  std::vector<std::string> names;
  for (const auto& entry : network.layers()) names.push_back(entry.name);
  EXPECT_EQ(names, (std::vector<std::string>{"dense_1", "dense_2", "dense_3"}));
  EXPECT_THAT([&] { network.add(Flatten(), "dense_2"); },
              throws_line<ArgumentError>("layer dense_2: the name is taken"));
  EXPECT_THAT([&] { network.add(Flatten(), "a\tb"); }, throws_line<ArgumentError>("control characters"));
  EXPECT_THAT([&] { network.set_name(""); }, throws_line<ArgumentError>("network name is empty"));
  EXPECT_EQ(network.layers().size(), 3U);
  EXPECT_EQ(network.name(), "sequential");
  EXPECT_EQ(network.set_name("three").summary().substr(0, 14), "Model: \"three\"");
}

}  // namespace
}  // namespace tilewise
