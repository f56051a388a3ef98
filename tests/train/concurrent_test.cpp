// Models that are trained at the same time, by threads of one process, do not feel each other: each ends in the
// bits that it has alone.

#include <gtest/gtest.h>

#include <barrier>
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include "support/small_training.hpp"
#include "tilewise/layers/adam.hpp"
#include "tilewise/layers/rmsprop.hpp"
#include "tilewise/layers/sgd.hpp"
#include "tilewise/train/fit.hpp"

namespace tilewise {
namespace {

using testing::quarters;
using testing::small_convnet;
using testing::small_resnet;

struct Outcome {
  std::vector<float> weights;
  double loss = 0;
  double accuracy = 0;
  bool operator==(const Outcome&) const = default;
};

/// A training of its own kind for each number: network, optimizer, threads, seed and augmentation.
Outcome train(const Dataset& data, std::size_t number) {
  Executor executor(static_cast<int>(1 + number % 3));
  Model model(number % 2 == 0 ? small_convnet(16, 16) : small_resnet(16), executor,
              {.max_batch = 16, .seed = number});
  std::unique_ptr<Optimizer> optimizer;
  switch (number % 3) {
    case 0: optimizer = std::make_unique<Adam>(AdamOptions{.learning_rate = 0.01}); break;
    case 1: optimizer = std::make_unique<SGD>(SGDOptions{.learning_rate = 0.1, .momentum = 0.9}); break;
    default: optimizer = std::make_unique<RMSprop>(RMSpropOptions{.learning_rate = 0.003}); break;
  }
  FitOptions options{.epochs = 3, .batch_size = 16, .seed = number};
  if (number % 4 == 0) options.augment = {.shift = 1, .rotate = 10, .elastic_alpha = 10};
  fit(model, *optimizer, data, options);

  const Metrics metrics = evaluate(model, data);
  Outcome outcome{{}, metrics.loss, metrics.accuracy};
  for (const Parameter& parameter : model.parameters()) {
    outcome.weights.insert(outcome.weights.end(), parameter.value(), parameter.value() + parameter.size());
  }
  return outcome;
}

TEST(ConcurrentTest, ModelsTrainedAtOnceHaveTheBitsTheyHaveAlone) {
  constexpr std::size_t kModels = 6;
  const Dataset data = quarters(90, 16);
  std::vector<Outcome> alone;
  for (std::size_t i = 0; i < kModels; ++i) alone.push_back(train(data, i));

  std::vector<Outcome> together(kModels);
  std::barrier start(kModels);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kModels; ++i) {
    threads.emplace_back([&, i] {
      start.arrive_and_wait();
      together[i] = train(data, i);
    });
  }
  for (std::thread& thread : threads) thread.join();

  for (std::size_t i = 0; i < kModels; ++i) {
    EXPECT_FALSE(alone[i].weights.empty());
    EXPECT_EQ(together[i], alone[i]) << "training " << i;
    for (std::size_t other = 0; other < i; ++other) EXPECT_NE(alone[i], alone[other]);
  }
}

}  // namespace
}  // namespace tilewise
