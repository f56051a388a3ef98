// Two networks against the numbers that Keras and PyTorch agree on: docs/parity.md.

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <initializer_list>
#include <memory>
#include <utility>

#include "support/random_data.hpp"
#include "support/roundings.hpp"
#include "support/tolerance.hpp"
#include "tilewise/layers/adam.hpp"
#include "tilewise/layers/conv2d.hpp"
#include "tilewise/layers/dense.hpp"
#include "tilewise/layers/flatten.hpp"
#include "tilewise/layers/max_pool2d.hpp"
#include "tilewise/layers/model.hpp"
#include "tilewise/layers/sgd.hpp"
#include "tilewise/train/networks.hpp"
#include "tilewise/train/safetensors.hpp"

namespace tilewise {
namespace {

// As in scripts/record_golden.py.
constexpr std::int64_t kBatch = 16;
constexpr std::int64_t kShown = 2;  // images whose outputs are recorded

SafetensorsFile read_golden(const std::string& name) {
  return read_safetensors(std::filesystem::path(TILEWISE_TESTS_DIR) / "golden" /
                          (name + ".safetensors"));
}

/// A network, its numbers, and how it was trained.
struct Golden {
  Sequential network;
  SafetensorsFile file;
  std::function<std::unique_ptr<Optimizer>()> make_optimizer;

  const Tensor& tensor(const std::string& name) const { return file.tensors.at(name); }

  /// Whether `actual` is the recorded tensor `name`, but for `roundings` as its condition lets them
  /// grow and one of its own: see docs/parity.md.
  ::testing::AssertionResult is_near(const std::string& name, std::span<const float> actual,
                                     double roundings) const {
    const std::vector<double> expected = testing::widen(tensor(name).span());
    const Tensor& condition = tensor("condition/" + name);
    double scale = 0;
    for (const double value : expected) scale = std::max(scale, std::abs(value));
    std::vector<double> bounds;
    for (std::int64_t i = 0; i < tensor(name).size(); ++i) {
      const double growth = 1 + condition[condition.size() == 1 ? 0 : i];
      bounds.push_back(testing::likely_gamma(roundings) * growth * scale);
    }
    return testing::all_near(actual, expected, bounds);
  }
};

/// The Keras example without its dropout.
Golden mnist_golden() {
  const Sequential example = mnist_convnet();
  Sequential network(example.input_shape());
  for (const auto& entry : example.layers()) {
    if (entry.layer->type() != "Dropout") network.add(entry.layer);
  }
  return {network, read_golden("mnist_convnet"), [] { return std::make_unique<Adam>(); }};
}

/// What that one leaves out.
Golden odd_golden() {
  Sequential network({28, 28, 1});
  network
      .add(Conv2D({.filters = 5, .kernel_size = 5, .strides = 2, .padding = Padding::same,
                   .activation = Activation::relu}))
      .add(Conv2D({.filters = 7, .kernel_size = 3}))
      .add(MaxPool2D({.pool_size = 3, .strides = 2, .padding = Padding::same}))
      .add(Conv2D({.filters = 6, .kernel_size = 4, .padding = Padding::same,
                   .activation = Activation::relu}))
      .add(Flatten())
      .add(Dense({.units = 19, .activation = Activation::relu}))
      .add(Dense({.units = 10, .activation = Activation::softmax}));
  return {network, read_golden("odd_convnet"), [] {
            return std::make_unique<SGD>(SGDOptions{.learning_rate = 0.05, .momentum = 0.9});
          }};
}

/// Calls check(golden, plan) for both networks, with all rewrites of the plan and without each.
template <class Check>
void for_each_golden(Check check) {
  for (const auto& make : {mnist_golden, odd_golden}) {
    const Golden golden = make();
    SCOPED_TRACE(golden.network.summary());
    for (const auto& [what, plan] : std::initializer_list<std::pair<const char*, PlanOptions>>{
             {"all", {}},
             {"no skip_unread", {.skip_unread = false}},
             {"no move_relu_behind_pooling", {.move_relu_behind_pooling = false}},
             {"no fuse_pooling", {.fuse_pooling = false}},
             {"no sparse_gradients", {.sparse_gradients = false}},
             {"no winograd", {.winograd = false}},
             {"no depth_first", {.depth_first = false}}}) {
      SCOPED_TRACE(what);
      check(golden, plan);
    }
  }
}

/// A model with the recorded start weights.
class StartedModel {
 public:
  StartedModel(const Golden& golden, const Sequential& network, const PlanOptions& plan)
      : images_(read_golden("images")),
        executor_(2),
        model_(network, executor_, {.max_batch = kBatch + 5, .plan = plan}) {
    model_.edit_parameters([&](std::span<Parameter> parameters) {
      for (Parameter& parameter : parameters) {
        const Tensor& start = golden.tensor("start/" + parameter.name());
        EXPECT_EQ(start.shape(), parameter.shape()) << parameter.name();
        std::copy_n(start.data(), std::min(start.size(), parameter.size()), parameter.value());
      }
    });
  }

  Model& operator*() { return model_; }
  Model* operator->() { return &model_; }

  std::int64_t images() const { return images_.tensors.at("labels").size(); }

  /// Makes images [first, first + count) the next batch; returns their labels.
  std::vector<std::int32_t> assemble(std::int64_t first, std::int64_t count) {
    const std::int64_t size = model_.network().input_shape().elements();
    std::copy_n(images_.tensors.at("images").data() + first * size, count * size,
                model_.input().begin());
    const float* labels = images_.tensors.at("labels").data() + first;
    return {labels, labels + count};
  }

 private:
  SafetensorsFile images_;
  Executor executor_;
  Model model_;
};

TEST(GoldenTest, OutputsOfEveryLayer) {
  for_each_golden([](const Golden& golden, const PlanOptions& plan) {
    Sequential network(golden.network.input_shape());
    for (const auto& entry : golden.network.layers()) {
      network.add(entry.layer);
      StartedModel model(golden, network, plan);
      model.assemble(0, kShown);
      EXPECT_EQ(golden.tensor("output/" + entry.name).shape(), entry.output.prepend(kShown));
      EXPECT_TRUE(golden.is_near("output/" + entry.name, model->predict_batch(kShown),
                                 testing::forward_roundings(network)))
          << entry.name;
    }
  });
}

TEST(GoldenTest, Gradients) {
  for_each_golden([](const Golden& golden, const PlanOptions& plan) {
    StartedModel model(golden, golden.network, plan);
    model->train_batch(model.assemble(0, kBatch), *golden.make_optimizer());
    for (const Parameter& parameter : model->parameters()) {
      EXPECT_TRUE(golden.is_near("gradient/" + parameter.name(),
                                 {parameter.gradient(), static_cast<std::size_t>(parameter.size())},
                                 testing::gradient_roundings(golden.network, kBatch)))
          << parameter.name();
    }
  });
}

TEST(GoldenTest, LossesOfTwentySteps) {
  for_each_golden([](const Golden& golden, const PlanOptions& plan) {
    StartedModel model(golden, golden.network, plan);
    const std::unique_ptr<Optimizer> optimizer = golden.make_optimizer();
    std::vector<float> losses;
    for (std::int64_t step = 0; step < 20; ++step) {
      const auto labels = model.assemble(step * kBatch % model.images(), kBatch);
      const double sum = model->train_batch(labels, *optimizer).loss_sum;
      losses.push_back(static_cast<float>(sum / static_cast<double>(kBatch)));
    }
    EXPECT_TRUE(golden.is_near("losses", losses,
                               testing::gradient_roundings(golden.network, kBatch)));
  });
}

}  // namespace
}  // namespace tilewise
