// The same bits of weights, losses and outputs on any number of threads and in repeated runs, with the plan as it
// is by default: for every layer and every network of train/networks.hpp. Optimizers are in parameter_update_test.cpp,
// what stops and resumes in train/resume_test.cpp.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "support/random_data.hpp"
#include "support/tolerance.hpp"
#include "tilewise/core/error.hpp"
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
#include "tilewise/train/model_json.hpp"
#include "tilewise/train/networks.hpp"

namespace tilewise {
namespace {

constexpr int kThreads[] = {1, 2, 2, 3, 5, 8, 16};  // twice on two: a repeated run
constexpr std::int64_t kMaxBatch = 24;

/// Layers that none of those networks has, and fusions and corners that none of them meets.
std::vector<Sequential> more_networks() {
  Sequential activations({20, 20, 2});
  activations.set_name("activations")
      .add(ZeroPadding2D({.rows = {1, 2}}))
      .add(Conv2D({.filters = 24, .activation = Activation::gelu, .use_bias = false}))
      .add(AveragePooling2D({.pool_size = 3, .strides = 2}))
      .add(LeakyReLU())
      .add(Conv2D({.filters = 20, .kernel_initializer = Initializer::he_normal}))
      .add(ELU())
      .add(Dense({.units = 16}))
      .add(SiLU())
      .add(GELU({.approximate = true}))
      .add(Sigmoid())
      .add(Tanh())
      .add(Conv2D({.filters = 10, .strides = 2}))
      .add(GlobalAveragePooling2D())
      .add(Softmax());
  Sequential groups({17, 15, 6});
  groups.set_name("groups")
      .add(Conv2D({.filters = 18, .padding = Padding::same, .groups = 2, .activation = Activation::relu}))
      .add(DepthwiseConv2D({.strides = 2, .padding = Padding::same, .depth_multiplier = 2}))
      .add(ReLU())
      .add(Conv2D({.filters = 32, .dilation_rate = 2}))
      .add(BatchNormalization())
      .add(MaxPool2D())
      .add(Dropout(0.25))
      .add(Flatten())
      .add(Dense({.units = 300, .activation = Activation::relu}))
      .add(Dense({.units = 10}));
  Sequential main({12, 12, 8}), shortcut({12, 12, 8});
  main.add(Conv2D({.filters = 16, .padding = Padding::same})).add(BatchNormalization()).add(ReLU());
  shortcut.add(Conv2D({.filters = 16, .kernel_size = 1}));
  Sequential blocks({12, 12, 8});
  blocks.set_name("blocks").add(Residual(main, shortcut)).add(ReLU()).add(Flatten()).add(Dense({.units = 10}));
  return {activations, groups, blocks};
}

std::vector<Sequential> all_networks() {
  std::vector<Sequential> networks = more_networks();
  // Only the first on images as large as it is meant for, to save time.
  for (const NamedNetwork& named : named_networks()) {
    const std::int64_t side = named.name == "keras" ? 28 : 16;
    networks.push_back(named.make({side, side, 1}, 10));
  }
  return networks;
}

/// Sees whether a loop's chunks ran on more than one worker; until some did, waits for another to come, which on a busy
/// machine may be late: at most 20 ms a chunk, and 20 s in all.
class WorkerWatch final : public LoopObserver {
 public:
  void before_loop() noexcept override {}
  void after_loop() noexcept override {}
  void run_chunk(std::int64_t chunk, int worker, FunctionRef<void(std::int64_t, int)> body) override {
    if (worker > 0) several = true;
    body(chunk, worker);
    for (int i = 0; i < 40 && !several && pauses_ > 0; ++i, --pauses_) {
      std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
  }
  std::atomic<bool> several = false;

 private:
  int pauses_ = 40'000;  ///< left; only the first worker's, for it is alone until there are several
};

/// Losses of some batches, the last not full, weights after them and outputs, as bits.
std::vector<float> train_on(int threads, const Sequential& network, WorkerWatch* watch = nullptr) {
  Executor executor(threads);
  executor.observe(watch);
  Model model(network, executor, {.max_batch = kMaxBatch, .seed = 3});
  Adam adam;
  std::vector<float> bits;
  const auto add = [&](std::span<const float> values) { bits.insert(bits.end(), values.begin(), values.end()); };
  for (const std::int64_t images : {kMaxBatch, std::int64_t{13}}) {
    testing::fill_random(model.input(), static_cast<std::uint32_t>(bits.size()));
    std::vector<std::int32_t> labels;
    for (std::int64_t i = 0; i < images; ++i) labels.push_back(static_cast<std::int32_t>(i * 7 % 10));
    const double loss = model.train_batch(labels, adam).loss_sum;
    // All 53 bits of it.
    const auto high = static_cast<float>(loss);
    add(std::vector{high, static_cast<float>(loss - static_cast<double>(high))});
  }
  for (const Parameter& p : model.parameters()) add({p.value(), static_cast<std::size_t>(p.size())});
  add(model.predict_batch(7));
  return bits;
}

TEST(DeterminismTest, SameBitsOnAnyNumberOfThreads) {
  WorkerWatch watch;
  for (const Sequential& network : all_networks()) {
    const std::vector<float> expected = train_on(1, network);
    for (const int threads : kThreads) {
      EXPECT_TRUE(testing::same_bits(train_on(threads, network, &watch), expected))
          << network.name() << " on " << threads << " threads";
    }
  }
  EXPECT_TRUE(watch.several) << "nothing ran on several threads";
}

// The classes of layers are those that the reader of JSON names when it is given another.
TEST(DeterminismTest, NoLayerIsForgotten) {
  std::string known;
  for (const Sequential& network : all_networks()) known += to_json(network);
  try {
    model_from_json(R"({"class_name": "Sequential", "config": {"layers": [{"class_name": "InputLayer",
        "config": {"batch_shape": [null, 2]}}, {"class_name": "Nothing", "config": {}}]}})", "names");
    FAIL() << "a layer of no class was read";
  } catch (const FileError& error) {
    std::string names = error.what();
    names = names.substr(names.find("expected ") + 9);
    std::size_t count = 0;
    for (std::size_t at = 0; at < names.size(); ++count) {
      const std::size_t end = std::min(names.find_first_of(", ", at), names.size());
      const std::string name = names.substr(at, end - at);
      at = std::min(names.find_first_not_of(", ", end), names.size());
      if (name == "or") continue;
      EXPECT_NE(known.find("\"class_name\":\"" + name + "\""), known.npos) << name << " is not trained here";
    }
    EXPECT_GE(count, 17U);
  }
}

}  // namespace
}  // namespace tilewise
