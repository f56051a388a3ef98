// Denormals cost nothing: every loop of a training step takes them for zero. The program also prints what steps that
// would be full of them take, compared with others; that is a measurement, and not what decides.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <limits>
#include <vector>

#include "support/random_data.hpp"
#include "tilewise/layers/model.hpp"
#include "tilewise/layers/sgd.hpp"
#include "tilewise/train/networks.hpp"

namespace tilewise {
namespace {

constexpr std::int64_t kImages = 32;

/// Counts the chunks on whose thread denormals are not taken for zero, in results or in operands.
class FlushWatch final : public LoopObserver {
 public:
  void before_loop() noexcept override {}
  void after_loop() noexcept override {}
  void run_chunk(std::int64_t chunk, int worker, FunctionRef<void(std::int64_t, int)> body) override {
    body(chunk, worker);
    volatile float smallest = std::numeric_limits<float>::min();
    volatile float denormal = std::numeric_limits<float>::denorm_min();
    volatile float half = smallest * 0.5F, doubled = denormal * 0x1p+100F;
    if (half != 0.0F || doubled != 0.0F) ++not_flushed;
    ++chunks;
  }
  std::atomic<int> chunks = 0, not_flushed = 0;
};

/// A model of the Keras example whose inputs and filters are scaled.
struct Scaled {
  Scaled(int threads, float inputs, float filters)
      : executor(threads), model(mnist_convnet(), executor, {.max_batch = kImages, .seed = 1}) {
    testing::fill_random(model.input(), 1);
    for (float& value : model.input()) value *= inputs;
    model.edit_parameters([&](std::span<Parameter> parameters) {
      for (Parameter& p : parameters) {
        for (std::int64_t i = 0; i < p.size(); ++i) p.value()[i] *= filters;
      }
    });
  }
  void step() { model.train_batch(labels, sgd); }

  Executor executor;
  Model model;
  SGD sgd{{.learning_rate = 1e-30}};  // everything stays as small as it is
  std::vector<std::int32_t> labels = std::vector<std::int32_t>(kImages, 3);
};

TEST(DenormalTest, EveryWorkerTakesThemForZero) {
  for (const int threads : {1, 2, 5}) {
    Scaled scaled(threads, 1e-40F, 1);
    FlushWatch watch;
    scaled.executor.observe(&watch);
    scaled.step();
    EXPECT_GT(watch.chunks, 16);
    EXPECT_EQ(watch.not_flushed, 0) << threads << " threads";
  }
}

TEST(DenormalTest, InputsGiveWhatZerosGive) {
  Scaled denormal(2, 1e-40F, 1), zero(2, 0, 1);
  for (Scaled* scaled : {&denormal, &zero}) scaled->step();
  const auto outputs = denormal.model.predict_batch(kImages), expected = zero.model.predict_batch(kImages);
  EXPECT_TRUE(std::ranges::equal(outputs, expected));
}

// build/release/tests/layers_tests --gtest_filter='DenormalTest.*' prints it.
TEST(DenormalTest, PrintsWhatTheyCost) {
  Scaled usual(2, 1, 1), inputs(2, 1e-40F, 1), products(2, 1e-22F, 1e-20F);
  Scaled* const all[] = {&usual, &inputs, &products};
  double best[3] = {1e9, 1e9, 1e9};  // seconds of some steps; in turn, for the machine's speed drifts
  for (int round = 0; round < 6; ++round) {
    for (int i = 0; i < 3; ++i) {
      const auto start = std::chrono::steady_clock::now();
      for (int step = 0; step < 2; ++step) all[i]->step();
      best[i] = std::min(best[i], std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
  }
  std::printf("steps of denormal inputs take %.2f times as long as others, of denormal products %.2f times\n",
              best[1] / best[0], best[2] / best[0]);
  EXPECT_EQ(products.model.first_non_finite(), std::nullopt);
}

}  // namespace
}  // namespace tilewise
