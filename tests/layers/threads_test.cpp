// Every layer, forward and backward, with its loops really spread over several threads: what the thread sanitizer
// looks at. Other tests' loops are often so short that one thread has done them before another is awake.

#include <gtest/gtest.h>

#include <atomic>
#include <bit>
#include <chrono>
#include <thread>

#include "support/random_data.hpp"
#include "support/tolerance.hpp"
#include "tilewise/layers/adam.hpp"
#include "tilewise/layers/average_pooling2d.hpp"
#include "tilewise/layers/batch_normalization.hpp"
#include "tilewise/layers/conv2d.hpp"
#include "tilewise/layers/dense.hpp"
#include "tilewise/layers/depthwise_conv2d.hpp"
#include "tilewise/layers/dropout.hpp"
#include "tilewise/layers/elu.hpp"
#include "tilewise/layers/flatten.hpp"
#include "tilewise/layers/gelu.hpp"
#include "tilewise/layers/global_average_pooling2d.hpp"
#include "tilewise/layers/leaky_relu.hpp"
#include "tilewise/layers/max_pool2d.hpp"
#include "tilewise/layers/model.hpp"
#include "tilewise/layers/relu.hpp"
#include "tilewise/layers/residual.hpp"
#include "tilewise/layers/sigmoid.hpp"
#include "tilewise/layers/silu.hpp"
#include "tilewise/layers/softmax.hpp"
#include "tilewise/layers/tanh.hpp"
#include "tilewise/layers/zero_padding2d.hpp"

namespace tilewise {
namespace {

constexpr std::int64_t kImages = 24;

/// Makes chunks last, so that other threads come and take some: half a millisecond, and until a first loop is shared
/// for as long as nobody comes, within `patience`. Counts the loops that were shared.
class Slow final : public LoopObserver {
 public:
  explicit Slow(std::chrono::milliseconds patience) : patience_(patience) {}

  void before_loop() noexcept override { workers_ = 0; }
  void after_loop() noexcept override { shared_ += is_shared() ? 1 : 0; }
  void run_chunk(std::int64_t chunk, int worker,
                 FunctionRef<void(std::int64_t, int)> body) override {
    using std::chrono::steady_clock;
    workers_ |= 1U << worker;
    body(chunk, worker);
    const auto end = steady_clock::now() + patience_;
    do std::this_thread::sleep_for(std::chrono::microseconds(500));
    while (shared_ == 0 && !is_shared() && steady_clock::now() < end);
  }

  int shared() const { return shared_; }

 private:
  bool is_shared() const { return std::popcount(workers_.load()) > 1; }

  std::chrono::milliseconds patience_;
  std::atomic<unsigned> workers_ = 0;
  int shared_ = 0;
};

struct Outcome {
  std::vector<float> weights;
  std::vector<float> predictions;
};

Outcome train(const Sequential& network, int threads, const PlanOptions& plan, Slow* observer) {
  Executor executor(threads);
  Model model(network, executor, {.max_batch = kImages, .seed = 4, .plan = plan});
  Adam adam({.learning_rate = 0.01, .clipping = {.global_norm = 10}});
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < kImages; ++i) labels.push_back(static_cast<std::int32_t>(i * 7 % 10));
  executor.observe(observer);
  for (std::uint32_t step = 0; step < 3; ++step) {
    testing::fill_random(model.input(), step);
    model.train_batch(labels, adam);
  }
  model.evaluate_batch(labels);

  Outcome outcome;
  const std::span<const float> predictions = model.predict_batch(kImages);
  outcome.predictions.assign(predictions.begin(), predictions.end());
  for (const Parameter& parameter : model.parameters()) {
    outcome.weights.insert(outcome.weights.end(), parameter.value(), parameter.value() + parameter.size());
  }
  executor.observe(nullptr);
  return outcome;
}

void expect_same_when_spread(const Sequential& network, const PlanOptions& plan = {}) {
  const Outcome expected = train(network, 1, plan, nullptr);
  // On a busy machine other threads may come late, or this one may be stopped for as long as it waits: then again, with
  // more patience.
  int shared = 0;
  for (std::chrono::milliseconds patience(0); shared == 0 && patience < std::chrono::seconds(1);
       patience = 10 * patience + std::chrono::milliseconds(5)) {
    Slow slow(patience);
    const Outcome spread = train(network, 4, plan, &slow);
    EXPECT_TRUE(testing::same_bits(spread.weights, expected.weights)) << network.summary();
    EXPECT_TRUE(testing::same_bits(spread.predictions, expected.predictions)) << network.summary();
    shared = slow.shared();
  }
  EXPECT_GE(shared, 1) << "threads shared no loop of\n" << network.summary();
}

TEST(ThreadsTest, ConvolutionsAndTheirPooling) {
  Sequential network({29, 28, 1});
  network.add(Conv2D({.filters = 8, .activation = Activation::relu}))
      .add(MaxPool2D({.pool_size = 2}))
      .add(Conv2D({.filters = 16, .padding = Padding::same, .activation = Activation::relu}))
      .add(MaxPool2D({.pool_size = 2}))
      .add(Dropout(0.2))
      .add(Conv2D({.filters = 12, .kernel_size = 2, .strides = 2, .activation = Activation::tanh}))
      .add(Flatten())
      .add(Dense({.units = 200, .activation = Activation::sigmoid}))
      .add(Dense({.units = 10, .activation = Activation::softmax}));
  expect_same_when_spread(network);
  expect_same_when_spread(network, {.skip_unread = false, .fuse_pooling = false});
  expect_same_when_spread(network, {.depth_first = false});
}

TEST(ThreadsTest, PointwiseLayersAndOtherPooling) {
  Sequential network({20, 24, 2});
  network.add(ZeroPadding2D({.rows = {1, 2}}))
      .add(Conv2D({.filters = 12}))
      .add(BatchNormalization())
      .add(ELU())
      .add(DepthwiseConv2D({.padding = Padding::same, .depth_multiplier = 2}))
      .add(GELU())
      .add(AveragePooling2D({.pool_size = 3, .strides = 2}))
      .add(LeakyReLU())
      .add(Conv2D({.filters = 16, .padding = Padding::same, .groups = 4}))
      .add(SiLU())
      .add(MaxPool2D({.pool_size = 3, .strides = 2}))
      .add(Tanh())
      .add(Conv2D({.filters = 10, .kernel_size = 1}))
      .add(Sigmoid())
      .add(GlobalAveragePooling2D())
      .add(Softmax());
  expect_same_when_spread(network);
}

TEST(ThreadsTest, ResidualBlocks) {
  Sequential network({24, 24, 3});
  network.add(Conv2D({.filters = 8, .padding = Padding::same})).add(BatchNormalization()).add(ReLU());
  Sequential main(network.output_shape()), shortcut(network.output_shape());
  main.add(Conv2D({.filters = 16, .strides = 2, .padding = Padding::same, .use_bias = false}))
      .add(BatchNormalization())
      .add(ReLU())
      .add(Conv2D({.filters = 16, .padding = Padding::same}))
      .add(BatchNormalization());
  shortcut.add(Conv2D({.filters = 16, .kernel_size = 1, .strides = 2})).add(BatchNormalization());
  network.add(Residual(main, shortcut)).add(ReLU());
  Sequential plain(network.output_shape());
  plain.add(Conv2D({.filters = 16, .padding = Padding::same, .activation = Activation::relu}));
  network.add(Residual(plain)).add(Flatten()).add(Dense({.units = 10}));
  expect_same_when_spread(network);
}

}  // namespace
}  // namespace tilewise
