// Trainings at the edge of what makes sense.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "support/small_training.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/layers/adam.hpp"
#include "tilewise/layers/model.hpp"
#include "tilewise/layers/sgd.hpp"
#include "tilewise/train/fit.hpp"

namespace tilewise {
namespace {

using testing::quarters;
using testing::small_convnet;
using testing::small_resnet;
using testing::weights_of;

constexpr std::int64_t kSide = 8;

/// Images all of whose pixels are `grey`, of the classes 0, 1, ..., classes - 1, 0, ...
Dataset plain(std::int64_t count, std::uint8_t grey, int classes) {
  AlignedBuffer<std::uint8_t> images(count * kSide * kSide);
  std::fill_n(images.data(), images.size(), grey);
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < count; ++i) labels.push_back(static_cast<std::int32_t>(i % classes));
  return Dataset({kSide, kSide, 1}, 4, std::move(images), std::move(labels));
}

/// A training of many steps on few images: the last epoch, and losses and weights that are finite.
EpochRecord train(const Sequential& network, const Dataset& data, std::int64_t batch_size, int epochs = 60) {
  Executor executor(3);
  Model model(network, executor, {.max_batch = batch_size, .seed = 1});
  Adam adam({.learning_rate = 0.01});
  const History history = fit(model, adam, data, {.epochs = epochs, .batch_size = batch_size, .validation = data});
  for (const float weight : weights_of(model)) EXPECT_TRUE(std::isfinite(weight));
  for (const EpochRecord& epoch : history.epochs) {
    EXPECT_TRUE(std::isfinite(epoch.loss) && std::isfinite(*epoch.val_loss)) << "epoch " << epoch.epoch;
  }
  EXPECT_EQ(adam.steps(), epochs * ((data.size() + batch_size - 1) / batch_size));
  return history.epochs.back();
}

TEST(EdgeCaseTest, DataThatTeachesLittle) {
  struct Case {
    const char* what;
    Dataset data;
    std::int64_t batch_size;
    int alike;  ///< classes that cannot be told apart
  };
  const Case cases[] = {
      {"one image", quarters(1, kSide), 8, 1},
      {"one image in batches of one", quarters(1, kSide), 1, 1},
      {"black images of one class", plain(12, 0, 1), 4, 1},
      {"black images of two classes", plain(12, 0, 2), 4, 2},
      {"white images of four classes", plain(12, 255, 4), 5, 4},
      {"a batch larger than the data", quarters(10, kSide), 64, 1},
      {"a last batch of one", quarters(9, kSide), 4, 1},
  };
  for (const Sequential& network : {small_convnet(), small_resnet()}) {
    for (const Case& c : cases) {
      SCOPED_TRACE(c.what);
      const EpochRecord last = train(network, c.data, c.batch_size);
      EXPECT_TRUE(c.alike > 1 || last.accuracy == 1) << last.accuracy;
      // The best loss there is, and some more for what dropout and few steps do.
      EXPECT_LT(last.loss, 0.35 + 1.3 * std::log(c.alike));
    }
  }
}

/// Without what differs between training and evaluation.
Sequential linear() {
  Sequential network({kSide, kSide, 1});
  network.add(Flatten()).add(Dense({.units = 4, .activation = Activation::softmax}));
  return network;
}

// Each image counts once, whatever batch it is in.
TEST(EdgeCaseTest, APartialBatchCountsForItsImages) {
  const Dataset data = quarters(21, kSide);
  Executor executor(2);
  Model model(linear(), executor, {.max_batch = 8, .seed = 1});
  SGD still({.learning_rate = 0});
  const EpochRecord epoch = fit(model, still, data, {.epochs = 1, .batch_size = 8}).epochs[0];
  const Metrics metrics = evaluate(model, data, 7);
  EXPECT_NEAR(epoch.loss, metrics.loss, 1e-6 * metrics.loss);
  EXPECT_EQ(epoch.accuracy, metrics.accuracy);
}

TEST(EdgeCaseTest, ABatchLargerThanTheDataIsOneOfAllOfIt) {
  const Dataset data = quarters(10, kSide);
  std::vector<std::vector<float>> weights;
  for (const std::int64_t batch_size : {10, 64}) {
    Executor executor(2);
    Model model(small_convnet(), executor, {.max_batch = 64, .seed = 1});
    Adam adam;
    fit(model, adam, data, {.epochs = 3, .batch_size = batch_size});
    EXPECT_EQ(adam.steps(), 3);
    weights.push_back(weights_of(model));
  }
  EXPECT_EQ(weights[0], weights[1]);
}

// Rates too small to move anything change nothing, whatever they are; huge ones are found out.
TEST(EdgeCaseTest, ExtremeLearningRates) {
  const Dataset data = quarters(20, kSide);
  Executor executor(2);
  for (const double rate : {0.0, 4.9e-324, 1e-300, 1e-45}) {
    Model model(linear(), executor, {.max_batch = 8, .seed = 1});
    const std::vector<float> before = weights_of(model);
    SGD sgd({.learning_rate = rate});
    EXPECT_NO_THROW(fit(model, sgd, data, {.epochs = 2})) << rate;
    EXPECT_EQ(weights_of(model), before) << rate;
  }
  for (const double rate : {1e37, 1e38, 1e100, 1.7e308}) {
    Model model(small_convnet(), executor, {.max_batch = 8, .seed = 1});
    SGD sgd({.learning_rate = rate, .momentum = 0.9});
    EXPECT_THROW(fit(model, sgd, data, {.epochs = 20}), DivergedError) << rate;
  }
}

}  // namespace
}  // namespace tilewise
