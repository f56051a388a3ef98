#include "tilewise/layers/profiler.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "support/error_matchers.hpp"
#include "support/random_data.hpp"
#include "support/tolerance.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/layers/adam.hpp"
#include "tilewise/layers/conv2d.hpp"
#include "tilewise/layers/dense.hpp"
#include "tilewise/layers/dropout.hpp"
#include "tilewise/layers/flatten.hpp"
#include "tilewise/layers/model.hpp"
#include "tilewise/train/networks.hpp"

namespace tilewise {
namespace {

using testing::throws_line;

constexpr int kThreadCounts[] = {1, 2, 3, 8};

/// Chunks of images, the whole batch at once, and a layer without weights.
Sequential small_network() {
  Sequential network({8, 7, 2});
  network.add(Conv2D({.filters = 5, .activation = Activation::relu}))
      .add(Dropout(0.5))
      .add(Flatten())
      .add(Dense({.units = 10, .activation = Activation::softmax}));
  return network;
}

/// Batches of 20 images, chunks of two.
class Training {
 public:
  explicit Training(int threads, Profiler* profiler, const Sequential& network = small_network())
      : executor_(threads),
        model_(network, executor_, {.max_batch = 20, .seed = 3, .profiler = profiler}) {}

  void step(std::int64_t images) {
    testing::fill_random(model_.input(), 1);
    const std::vector<std::int32_t> labels(static_cast<std::size_t>(images), 7);
    model_.train_batch(labels, adam_);
  }

  std::vector<float> weights() const {
    std::vector<float> all;
    for (const Parameter& p : model_.parameters()) all.insert(all.end(), p.value(), p.value() + p.size());
    return all;
  }

  Model& model() { return model_; }

 private:
  Executor executor_;
  Model model_;
  Adam adam_;
};

std::map<std::string, ProfileRow> by_name(const Profiler& profiler) {
  std::map<std::string, ProfileRow> rows;
  for (const ProfileRow& row : profiler.rows()) {
    const std::string name = row.activity.layer + " " + row.activity.pass;
    EXPECT_TRUE(rows.emplace(name, row).second) << name;
  }
  return rows;
}

TEST(ProfilerTest, CountsChunksAndWork) {
  for (const int threads : kThreadCounts) {
    Profiler profiler;
    Training training(threads, &profiler);
    profiler.start();
    for (const int images : {20, 20, 13}) training.step(images);
    profiler.stop();
    EXPECT_EQ(profiler.threads(), threads);
    EXPECT_EQ(profiler.steps(), 3);
    EXPECT_EQ(profiler.images(), 53);

    const auto rows = by_name(profiler);
    std::vector<std::string> names;
    for (const auto& [name, row] : rows) names.push_back(name);
    EXPECT_THAT(names, ::testing::ElementsAre("conv2d backward", "conv2d forward", "conv2d update",
                                              "dense backward", "dense forward", "dense update",
                                              "dropout backward", "dropout forward", "filters pack",
                                              "loss forward"));
    for (const char* name : {"conv2d forward", "conv2d backward", "dropout forward", "dropout backward"}) {
      EXPECT_EQ(rows.at(name).calls, 10 + 10 + 7) << name;
    }
    for (const char* name : {"dense forward", "dense backward", "loss forward", "filters pack"}) {
      EXPECT_EQ(rows.at(name).calls, 3) << name;
    }
    // A kernel and a bias a layer, of one block each.
    EXPECT_EQ(rows.at("conv2d update").calls, 6);
    EXPECT_EQ(rows.at("dense update").calls, 6);

    const double conv = 2 * 6 * 5 * 5 * (3 * 3 * 2), dense = 2 * (6 * 5 * 5) * 10;
    EXPECT_EQ(rows.at("conv2d forward").work.flops, 53 * conv);
    EXPECT_EQ(rows.at("conv2d backward").work.flops, 53 * conv);  // nobody wants the input's gradient
    EXPECT_EQ(rows.at("dense forward").work.flops, 53 * dense);
    EXPECT_EQ(rows.at("dense backward").work.flops, 53 * 2 * dense);
    EXPECT_EQ(rows.at("dropout forward").work.flops, 0);

    const double src = 8 * 7 * 2, dst = 6 * 5 * 5, filters = 3 * 3 * 2 * 5;
    EXPECT_EQ(rows.at("conv2d forward").work.bytes, 4 * (53 * (src + dst) + 27 * filters));
    // Reads the image, its own output (for ReLU) and the gradient.
    EXPECT_EQ(rows.at("conv2d backward").work.bytes, 4 * (53 * (src + 2 * dst) + 27 * filters));
    EXPECT_EQ(rows.at("dropout backward").work.bytes, 4 * 53 * 3 * dst);
    // 27 chunks' gradients and three sums of them, Adam's m and v and the weights there and back.
    EXPECT_EQ(rows.at("conv2d update").work.bytes, 4 * (filters + 5) * (27 + 3 * (1 + 6)));

    EXPECT_THAT(rows.at("conv2d forward").activity.kernel, ::testing::MatchesRegex("tile [0-9]+x[0-9]"));
    EXPECT_EQ(rows.at("dropout forward").activity.kernel, "dropout");
  }
}

TEST(ProfilerTest, TimesAddUp) {
  for (const int threads : kThreadCounts) {
    Profiler profiler({.trace_events = 100'000});
    Training training(threads, &profiler, mnist_convnet());
    profiler.start();
    for (int i = 0; i < 4; ++i) training.step(20);
    profiler.stop();
    EXPECT_EQ(profiler.dropped_events(), 0);

    std::map<std::string, double> busy;
    double all = 0;
    for (int worker = 0; worker < threads; ++worker) {
      std::int64_t last_end = 0;
      for (const ProfileEvent& event : profiler.events(worker)) {
        EXPECT_GE(event.begin, last_end) << "two events of a worker overlap";
        EXPECT_GE(event.duration, 0);
        last_end = event.begin + event.duration;
        const Activity& activity = profiler.activity(event.activity);
        busy[activity.layer + " " + activity.pass] += static_cast<double>(event.duration) * 1e-9;
      }
    }
    for (const ProfileRow& row : profiler.rows()) {
      all += row.seconds;
      EXPECT_NEAR(row.seconds, busy[row.activity.layer + " " + row.activity.pass], 1e-12);
    }
    EXPECT_GT(all, 0);
    EXPECT_NEAR(all + profiler.idle_seconds(), profiler.seconds() * threads, 1e-9);
  }
}

TEST(ProfilerTest, EventsSayWhichChunk) {
  Profiler profiler({.trace_events = 10'000});
  Training training(3, &profiler);
  profiler.start();
  training.step(19);
  profiler.stop();
  std::set<int> chunks;  // each with several events: before, during and after the pass
  for (int worker = 0; worker < 3; ++worker) {
    for (const ProfileEvent& event : profiler.events(worker)) {
      const Activity& activity = profiler.activity(event.activity);
      if (activity.layer != "conv2d" || activity.pass != "backward") continue;
      chunks.insert(event.chunk);
      EXPECT_EQ(event.images, event.chunk == 9 ? 1 : 2);
    }
  }
  EXPECT_THAT(chunks, ::testing::ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
}

TEST(ProfilerTest, OnlyTimeThatRunsCounts) {
  Profiler profiler({.trace_events = 1000});
  Training training(2, &profiler);
  training.step(20);
  profiler.start();
  profiler.stop();
  training.step(20);
  training.model().predict_batch(5);
  EXPECT_TRUE(profiler.rows().empty());
  EXPECT_EQ(profiler.steps(), 0);
  EXPECT_TRUE(profiler.events(0).empty());

  profiler.start();
  training.step(20);
  profiler.reset();
  training.step(10);
  profiler.stop();
  const double seconds = profiler.seconds();
  EXPECT_GT(seconds, 0);
  EXPECT_EQ(profiler.steps(), 1);
  EXPECT_EQ(profiler.images(), 10);
  EXPECT_EQ(by_name(profiler).at("conv2d forward").calls, 5);
  EXPECT_EQ(profiler.seconds(), seconds);
  profiler.reset();
  EXPECT_EQ(profiler.seconds(), 0);
}

TEST(ProfilerTest, ChangesNoBit) {
  Training plain(1, nullptr, mnist_convnet());
  for (int i = 0; i < 5; ++i) plain.step(i % 2 == 0 ? 20 : 13);
  for (const int threads : kThreadCounts) {
    Profiler profiler({.trace_events = 64});
    Training training(threads, &profiler, mnist_convnet());
    profiler.start();
    for (int i = 0; i < 5; ++i) training.step(i % 2 == 0 ? 20 : 13);
    profiler.stop();
    EXPECT_TRUE(testing::same_bits(training.weights(), plain.weights())) << threads << " threads";
  }
}

TEST(ProfilerTest, AFullTraceKeepsTheFirstEventsAndAllTimes) {
  Profiler full({.trace_events = 10'000}), small({.trace_events = 25});
  for (Profiler* profiler : {&full, &small}) {
    Training training(1, profiler);
    profiler->start();
    for (int i = 0; i < 2; ++i) training.step(20);
    profiler->stop();
  }
  ASSERT_EQ(small.events(0).size(), 25U);
  for (std::size_t i = 0; i < 25; ++i) EXPECT_EQ(small.events(0)[i].activity, full.events(0)[i].activity);
  EXPECT_EQ(small.dropped_events(), static_cast<std::int64_t>(full.events(0).size()) - 25);
  EXPECT_EQ(by_name(small).at("conv2d forward").calls, 20);
}

TEST(ProfilerTest, WithoutATraceNothingIsKeptOrDropped) {
  Profiler profiler;
  Training training(2, &profiler);
  profiler.start();
  training.step(20);
  profiler.stop();
  EXPECT_TRUE(profiler.events(0).empty());
  EXPECT_EQ(profiler.dropped_events(), 0);
}

TEST(ProfilerTest, ServesOneModel) {
  Profiler profiler;
  const Training training(1, &profiler);
  EXPECT_THAT([&] { Training(1, &profiler); }, throws_line<ArgumentError>("one model"));
  EXPECT_THAT([] { Profiler({.trace_events = -1}); }, throws_line<ArgumentError>("trace_events -1"));
}

}  // namespace
}  // namespace tilewise
