// Gradients of every layer and of the whole network: what training hands to the optimizer, against
// central differences of the loss in double.

#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "support/gradient_probe.hpp"
#include "support/random_data.hpp"
#include "support/reference_network.hpp"
#include "support/roundings.hpp"
#include "support/tolerance.hpp"
#include "tilewise/layers/mean_squared_error.hpp"
#include "tilewise/layers/model.hpp"
#include "tilewise/layers/residual.hpp"
#include "tilewise/layers/sigmoid.hpp"
#include "tilewise/layers/silu.hpp"
#include "tilewise/layers/tanh.hpp"
#include "tilewise/train/networks.hpp"

namespace tilewise {
namespace {

using testing::GradientProbe;

/// What the gradients are of.
struct Goal {
  std::shared_ptr<const Loss> loss = std::make_shared<CategoricalCrossentropy>();
  reference::Network::LossFunction reference = reference::softmax_cross_entropy<double>;
  bool with_targets = false;
  float smoothing = 0;
  L2Regularizer regularizer = {};
};

/// The regularizer's part of the loss.
double penalty(const reference::Network& network, std::span<const Parameter> parameters,
               const L2Regularizer& regularizer) {
  double sum = 0;
  for (std::size_t p = 0; p < parameters.size(); ++p) {
    if (!contains(regularizer.parameters, parameters[p])) continue;
    for (const double value : network.parameters[p]) sum += value * value;
  }
  return regularizer.l2 * sum;
}

/// Compares the gradients of `images` random images. At most `samples` elements of each parameter
/// are looked at.
void check_gradients(const Sequential& network, std::int64_t images, std::int64_t samples = 64,
                     const PlanOptions& plan = {}, const Goal& goal = {}) {
  constexpr double kStep = 1e-6;
  constexpr std::uint64_t kSeed = 7;
  Executor executor(2);
  Model model(network, executor, {.max_batch = images + 1,
                                  .seed = kSeed,
                                  .loss = goal.loss,
                                  .regularizer = goal.regularizer,
                                  .plan = plan});
  const std::int64_t size = network.input_shape().elements();
  const std::vector<float> input = testing::random_values(images * size, 1);
  std::copy(input.begin(), input.end(), model.input().begin());
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < images; ++i) {
    labels.push_back(static_cast<std::int32_t>(i % model.classes()));
  }
  // Biases start at zero, where a mistake with them would not show.
  std::vector<std::vector<double>> values;
  model.edit_parameters([&](std::span<Parameter> parameters) {
    for (std::size_t p = 0; p < parameters.size(); ++p) {
      Parameter& parameter = parameters[p];
      if (parameter.shape().rank() == 1) {
        const auto bias = testing::random_values(parameter.size(), static_cast<std::uint32_t>(p));
        std::copy(bias.begin(), bias.end(), parameter.value());
      }
      values.emplace_back(parameter.value(), parameter.value() + parameter.size());
    }
  });

  std::vector<float> targets = testing::random_values(images * model.classes(), 2);
  for (float& target : targets) target = std::abs(target);
  GradientProbe probe;
  const BatchResult result = goal.with_targets ? model.train_batch(targets, probe)
                                               : model.train_batch(labels, probe);
  reference::Network exact(network, values, kSeed);
  const auto exact_loss = [&] {
    return exact.loss(input,
                      {.rows = images,
                       .labels = goal.with_targets ? nullptr : labels.data(),
                       .targets = goal.with_targets ? targets.data() : nullptr,
                       .smoothing = goal.smoothing},
                      goal.reference, true) +
           penalty(exact, model.parameters(), goal.regularizer);
  };
  const double loss = exact_loss();
  const double tolerance = testing::gamma(testing::gradient_roundings(network, images));
  EXPECT_NEAR(result.loss_sum / static_cast<double>(images), loss, tolerance * (1 + loss));

  for (std::size_t p = 0; p < values.size(); ++p) {
    if (!model.parameters()[p].trainable()) continue;
    const auto count = static_cast<std::int64_t>(values[p].size());
    const std::int64_t stride = std::max<std::int64_t>(1, count / samples);
    std::vector<double> expected;
    std::vector<float> actual;
    for (std::int64_t i = p % 2 == 0 ? stride / 2 : 0; i < count; i += stride) {
      double& weight = exact.parameters[p][static_cast<std::size_t>(i)];
      const double kept = weight;
      weight = kept + kStep;
      const double above = exact_loss();
      weight = kept - kStep;
      const double below = exact_loss();
      weight = kept;
      expected.push_back((above - below) / (2 * kStep));
      actual.push_back(probe.gradients[p][static_cast<std::size_t>(i)]);
    }
    double largest = 0;
    for (const double value : expected) largest = std::max(largest, std::abs(value));
    EXPECT_GT(largest, 1e-6) << model.parameters()[p].name() << ": nothing to compare";
    // Rounding of the gradient, and of the loss in double divided by the step.
    const double bound = tolerance * largest + 4e-16 * (1 + loss) / kStep;
    EXPECT_TRUE(testing::all_near(actual, expected, std::vector<double>(expected.size(), bound)))
        << model.parameters()[p].name();
  }
}

Sequential with_head(Sequential network) {
  network.add(Flatten());
  network.add(Dense({.units = 5, .activation = Activation::softmax}));
  return network;
}

TEST(GradientTest, Dense) {
  Sequential network({12});
  network.add(Dense({.units = 9, .activation = Activation::relu}));
  network.add(Dense({.units = 7}));
  network.add(Dense({.units = 4}));
  check_gradients(network, 5);
}

TEST(GradientTest, DenseOnTheLastAxis) {
  Sequential network({3, 2, 6});
  network.add(Dense({.units = 4, .activation = Activation::relu}));
  check_gradients(with_head(network), 3);
}

TEST(GradientTest, ConvValid) {
  Sequential network({7, 6, 3});
  network.add(Conv2D({.filters = 5, .kernel_size = 3, .activation = Activation::relu}));
  network.add(Conv2D({.filters = 4, .kernel_size = {2, 3}}));
  check_gradients(with_head(network), 3);
}

TEST(GradientTest, ConvSameStridedAndDilated) {
  Sequential network({9, 8, 2});
  network.add(Conv2D({.filters = 3, .kernel_size = 3, .padding = Padding::same}));
  network.add(Conv2D({.filters = 17, .kernel_size = {3, 2}, .strides = {2, 3}, .padding = Padding::same}));
  network.add(Conv2D({.filters = 4, .kernel_size = 2, .padding = Padding::same, .dilation_rate = 2}));
  network.add(Conv2D({.filters = 6, .kernel_size = 1, .activation = Activation::relu}));
  check_gradients(with_head(network), 2);
}

TEST(GradientTest, ConvInGroups) {
  Sequential network({7, 8, 4});
  network.add(Conv2D({.filters = 6, .strides = {1, 2}, .padding = Padding::same, .groups = 2,
                      .activation = Activation::relu}));
  network.add(Conv2D({.filters = 6, .kernel_size = 2, .groups = 3}));
  network.add(MaxPool2D());  // a corner
  check_gradients(with_head(network), 4);
}

TEST(GradientTest, DepthwiseConv) {
  Sequential network({9, 8, 3});
  network.add(DepthwiseConv2D({.padding = Padding::same, .activation = Activation::relu}));
  network.add(DepthwiseConv2D({.kernel_size = {3, 2}, .strides = 2, .padding = Padding::same,
                               .depth_multiplier = 6}));
  network.add(DepthwiseConv2D({.kernel_size = 2, .padding = Padding::same, .dilation_rate = 2}));
  network.add(MaxPool2D());
  check_gradients(with_head(network), 4);
}

TEST(GradientTest, ConvWithSoftmaxActivation) {
  Sequential network({4, 4, 2});
  network.add(Conv2D({.filters = 3, .activation = Activation::softmax}));
  check_gradients(with_head(network), 2);
}

TEST(GradientTest, MaxPool) {
  Sequential network({11, 9, 2});
  network.add(Conv2D({.filters = 3, .kernel_size = 2}));
  network.add(MaxPool2D({.pool_size = 3, .strides = 2}));  // overlapping
  network.add(Conv2D({.filters = 3, .kernel_size = 1}));
  network.add(MaxPool2D({.pool_size = 2, .padding = Padding::same}));
  check_gradients(with_head(network), 2);
}

// Whatever rewrites a plan is made with.
TEST(GradientTest, PooledConvolutions) {
  Sequential network({9, 10, 8});
  network.add(Conv2D({.filters = 6, .padding = Padding::same, .activation = Activation::relu}));
  network.add(MaxPool2D());
  network.add(Conv2D({.filters = 9, .kernel_size = 2, .activation = Activation::relu}));
  network.add(MaxPool2D({.pool_size = 3, .strides = 2}));
  check_gradients(with_head(network), 5, 16);
  check_gradients(with_head(network), 5, 8, {.skip_unread = false});
  check_gradients(with_head(network), 5, 8, {.move_relu_behind_pooling = false});
  check_gradients(with_head(network), 5, 8, {.fuse_pooling = false});
  check_gradients(with_head(network), 5, 8, {.skip_unread = false, .fuse_pooling = false});
  check_gradients(with_head(network), 5, 8, {.sparse_gradients = false});
  check_gradients(with_head(network), 5, 8, {.depth_first = false});
}

// Few taps, but not the first layer: the filters' gradient from what was picked, the source's dense.
TEST(GradientTest, ShortPooledConvolutionInTheMiddle) {
  Sequential network({9, 9, 1});
  network.add(Conv2D({.filters = 2, .activation = Activation::relu}));
  network.add(Conv2D({.filters = 5, .kernel_size = 1, .activation = Activation::relu}));
  network.add(MaxPool2D());
  network.add(Conv2D({.filters = 4, .kernel_size = {2, 1}, .activation = Activation::relu}));
  network.add(MaxPool2D({.pool_size = {1, 2}}));
  check_gradients(with_head(network), 3);
  check_gradients(with_head(network), 3, 8, {.sparse_gradients = false});
}

TEST(GradientTest, PooledConvolutionAtTheEnd) {
  Sequential network({6, 6, 9});
  network.add(Conv2D({.filters = 4, .activation = Activation::relu}));
  network.add(MaxPool2D({.pool_size = 4}));
  network.add(Flatten()).add(Softmax());
  check_gradients(network, 3);
}

TEST(GradientTest, PooledConvolutionAfterDense) {
  Sequential network({6, 6, 2});
  network.add(Dense({.units = 9}));
  network.add(Conv2D({.filters = 4, .activation = Activation::relu}));
  network.add(MaxPool2D());
  check_gradients(with_head(network), 3);
}

TEST(GradientTest, ReluAndSoftmaxLayers) {
  Sequential network({8});
  network.add(Dense({.units = 9}));
  network.add(ReLU());
  network.add(Dense({.units = 6}));
  network.add(Softmax());
  network.add(Dense({.units = 3}));
  network.add(Softmax());
  check_gradients(network, 4);
}

TEST(GradientTest, PointwiseLayers) {
  Sequential network({4, 3, 2});
  network.add(Conv2D({.filters = 6, .kernel_size = 2})).add(LeakyReLU({.negative_slope = 0.1}));
  network.add(Conv2D({.filters = 5, .kernel_size = 1})).add(ELU({.alpha = 0.7}));
  network.add(Dense({.units = 9})).add(GELU());
  network.add(Dense({.units = 8})).add(GELU({.approximate = true}));
  network.add(Dense({.units = 7})).add(SiLU());
  network.add(Flatten()).add(Dense({.units = 6})).add(Tanh());
  network.add(Dense({.units = 4})).add(Sigmoid());
  check_gradients(network, 4);
}

// Behind a convolution that is pooled: a step in between, whatever rewrites there are.
TEST(GradientTest, Activations) {
  for (const Activation activation : {Activation::leaky_relu, Activation::elu, Activation::gelu,
                                      Activation::silu, Activation::sigmoid, Activation::tanh}) {
    SCOPED_TRACE(activation_name(activation));
    Sequential network({9, 9, 2});
    network.add(Conv2D({.filters = 5, .activation = activation}));
    network.add(MaxPool2D());
    network.add(Dense({.units = 6, .activation = activation}));
    check_gradients(with_head(network), 3);
    check_gradients(with_head(network), 3, 8, {.skip_unread = false, .move_relu_behind_pooling = false});
  }
}

TEST(GradientTest, WithoutBias) {
  for (const Activation activation : {Activation::relu, Activation::linear, Activation::gelu}) {
    Sequential network({12, 11, 3});
    network.add(Conv2D({.filters = 6, .activation = activation, .use_bias = false}));
    network.add(Conv2D({.filters = 9, .activation = activation, .use_bias = false}));
    network.add(MaxPool2D());
    network.add(Conv2D({.filters = 6, .kernel_size = 2, .groups = 3, .activation = activation, .use_bias = false}));
    network.add(DepthwiseConv2D({.kernel_size = 2, .activation = activation, .use_bias = false}));
    network.add(Flatten());
    network.add(Dense({.units = 8, .activation = activation, .use_bias = false}));
    network.add(Dense({.units = 4, .use_bias = false}));
    check_gradients(network, 3, 16);
    check_gradients(network, 3, 8, {.fuse_pooling = false});
    check_gradients(network, 3, 8, {.sparse_gradients = false});
  }
}

TEST(GradientTest, AveragePooling) {
  Sequential network({13, 12, 2});
  network.add(Conv2D({.filters = 5, .kernel_size = 2}));
  network.add(AveragePooling2D({.pool_size = 3, .strides = 2}));  // overlapping
  network.add(Conv2D({.filters = 4, .padding = Padding::same, .activation = Activation::relu}));
  network.add(AveragePooling2D({.pool_size = 3, .strides = 2, .padding = Padding::same}));
  network.add(Conv2D({.filters = 7, .kernel_size = 1}));
  network.add(AveragePooling2D());
  check_gradients(with_head(network), 3);
  check_gradients(with_head(network), 3, 8, {.skip_unread = false});
}

TEST(GradientTest, GlobalAveragePoolingAndZeroPadding) {
  Sequential network({6, 5, 2});
  network.add(ZeroPadding2D({.rows = {0, 2}, .columns = {1, 3}}));
  network.add(Conv2D({.filters = 4, .activation = Activation::relu}));
  network.add(ZeroPadding2D());
  network.add(Conv2D({.filters = 9, .strides = 2}));
  network.add(GlobalAveragePooling2D());
  network.add(Dense({.units = 3, .activation = Activation::softmax}));
  check_gradients(network, 5);
}

TEST(GradientTest, Dropout) {
  Sequential network({4, 5, 3});
  network.add(Conv2D({.filters = 7, .kernel_size = 2}));
  network.add(Dropout(0.4));
  network.add(Flatten());
  network.add(Dense({.units = 6}));
  network.add(Dropout(0.25));
  check_gradients(with_head(network), 3);
}

TEST(GradientTest, BatchNormalization) {
  Sequential network({6, 5, 2});
  network.add(BatchNormalization());
  network.add(Conv2D({.filters = 5, .activation = Activation::relu}));
  network.add(BatchNormalization({.epsilon = 0.01}));
  network.add(Conv2D({.filters = 17, .kernel_size = 2, .activation = Activation::relu}));
  network.add(BatchNormalization({.center = false}));
  network.add(Dense({.units = 4, .activation = Activation::relu}));
  network.add(BatchNormalization({.scale = false}));
  check_gradients(with_head(network), 5, 24);
}

// Behind the activation: a bias right before normalisation has no effect.
Sequential residual_branch(const Shape& input, std::int64_t filters, std::int64_t strides) {
  Sequential branch(input);
  branch.add(Conv2D({.filters = 6, .strides = strides, .padding = Padding::same, .activation = Activation::relu}))
      .add(BatchNormalization())
      .add(Dropout(0.25))
      .add(Conv2D({.filters = filters, .padding = Padding::same}));
  return branch;
}

TEST(GradientTest, ResidualWithIdentity) {
  Sequential network({5, 4, 3});
  network.add(Residual(residual_branch({5, 4, 3}, 3, 1)));  // the first layer
  network.add(ReLU());
  network.add(Residual(residual_branch({5, 4, 3}, 3, 1)));
  check_gradients(with_head(network), 5, 24);
  network.add(Flatten()).add(Dense({.units = 4}));
  Sequential last({4});
  last.add(Dense({.units = 7, .activation = Activation::relu})).add(Dense({.units = 4}));
  network.add(Residual(last));
  check_gradients(network, 5, 12);
}

TEST(GradientTest, ResidualWithShortcut) {
  Sequential network({7, 6, 2});
  for (const bool first : {true, false}) {
    if (!first) network.add(Conv2D({.filters = 2, .kernel_size = 1}));
    const Shape& input = network.output_shape();
    Sequential shortcut(input);
    shortcut.add(Conv2D({.filters = 5, .kernel_size = 1, .strides = 2}));
    if (!first) shortcut.add(Dropout(0.5));
    network.add(Residual(residual_branch(input, 5, 2), shortcut));
    check_gradients(with_head(network), 4, 24);
  }
}

// Branches of layers that make corners, are rewritten into one step, or are no steps at all.
TEST(GradientTest, ResidualsInResiduals) {
  Sequential inner({11, 11, 2}), inner_shortcut({11, 11, 2});
  inner.add(MaxPool2D()).add(Conv2D({.filters = 4, .kernel_size = 1}));
  inner_shortcut.add(Conv2D({.filters = 4, .padding = Padding::same, .activation = Activation::relu}))
      .add(MaxPool2D());
  Sequential main({11, 11, 2}), shortcut({11, 11, 2});
  main.add(Residual(inner, inner_shortcut)).add(Residual(residual_branch({5, 5, 4}, 4, 1))).add(Flatten());
  shortcut.add(Conv2D({.filters = 25, .kernel_size = 7, .activation = Activation::relu}))
      .add(MaxPool2D({.pool_size = 2}))
      .add(Flatten());
  Sequential network({11, 11, 2});
  network.add(Residual(main, shortcut));
  check_gradients(with_head(network), 3, 24);
  check_gradients(with_head(network), 3, 16, {.skip_unread = false, .fuse_pooling = false});
}

TEST(GradientTest, LayersBeforeTheFirstWeights) {
  for (const bool pooled : {false, true}) {
    Sequential network({10, 10, 1});
    network.add(MaxPool2D());
    network.add(ReLU());
    network.add(Conv2D({.filters = 3}));
    if (pooled) network.add(MaxPool2D());
    check_gradients(with_head(network), 2);
  }
}

TEST(GradientTest, ManyChunks) {
  Sequential network({5, 5, 1});
  network.add(Conv2D({.filters = 4, .activation = Activation::relu}));
  check_gradients(with_head(network), 37);
}

/// Convolution, pooling and a matrix product.
Sequential small_convnet() {
  Sequential network({6, 7, 2});
  network.add(Conv2D({.filters = 6, .activation = Activation::relu})).add(MaxPool2D());
  return with_head(network);
}

TEST(GradientTest, CrossentropyWithSmoothedLabelsAndTargets) {
  const auto smoothed = std::make_shared<CategoricalCrossentropy>(
      CategoricalCrossentropyOptions{.label_smoothing = 0.1});
  check_gradients(small_convnet(), 4, 16, {}, {.loss = smoothed, .smoothing = 0.1F});
  check_gradients(small_convnet(), 4, 16, {}, {.with_targets = true});
  check_gradients(small_convnet(), 4, 16, {}, {.loss = smoothed, .with_targets = true, .smoothing = 0.1F});
}

TEST(GradientTest, MeanSquaredError) {
  Sequential linear({6});  // without a softmax at the end
  linear.add(Dense({.units = 7, .activation = Activation::relu})).add(Dense({.units = 1}));
  Sequential rows({5, 4});  // outputs of two axes
  rows.add(Dense({.units = 3}));
  for (const bool with_targets : {false, true}) {
    const Goal goal{.loss = std::make_shared<MeanSquaredError>(),
                    .reference = reference::mean_squared_error<double>,
                    .with_targets = with_targets};
    for (const Sequential& network : {small_convnet(), linear, rows}) {
      check_gradients(network, 4, 16, {}, goal);
    }
  }
}

TEST(GradientTest, L2Regularizer) {
  check_gradients(small_convnet(), 4, 16, {}, {.regularizer = {.l2 = 0.01}});
  check_gradients(small_convnet(), 4, 16, {},
                  {.regularizer = {.l2 = 0.01, .parameters = ParameterSet::all}});
}

TEST(GradientTest, MnistConvnet) { check_gradients(mnist_convnet(), 2, 12); }

}  // namespace
}  // namespace tilewise
