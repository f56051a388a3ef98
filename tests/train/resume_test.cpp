// A training that is resumed ends in the very bits of one that never stopped: from every save point.

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "support/small_training.hpp"
#include "support/temp_dir.hpp"
#include "tilewise/layers/adam.hpp"
#include "tilewise/layers/adamw.hpp"
#include "tilewise/layers/rmsprop.hpp"
#include "tilewise/layers/sgd.hpp"
#include "tilewise/train/callbacks/checkpointer.hpp"
#include "tilewise/train/callbacks/early_stopping.hpp"
#include "tilewise/train/callbacks/exponential_moving_average.hpp"
#include "tilewise/train/callbacks/reduce_lr_on_plateau.hpp"
#include "tilewise/train/callbacks/step_csv_log.hpp"
#include "tilewise/train/checkpoint.hpp"
#include "tilewise/train/csv_log.hpp"
#include "tilewise/train/fit.hpp"
#include "tilewise/train/networks.hpp"

namespace tilewise {
namespace {

namespace fs = std::filesystem;

using testing::AtSavePoint;
using testing::quarters;
using testing::read_bytes;
using testing::small_convnet;
using testing::small_resnet;
using testing::TempDir;

class Wave final : public Schedule {
 public:
  double learning_rate(std::int64_t step) const override {
    return 0.01 * (1.1 + std::sin(static_cast<double>(step)));
  }
};

/// Writes rows without what depends on the time of day.
class EpochRows final : public Callback {
 public:
  EpochRows(const fs::path& path, std::optional<int> last_epoch) : csv_(path, last_epoch) {}
  void on_epoch_end(const EpochRecord& record) override {
    EpochRecord timeless = record;
    timeless.seconds = timeless.images_per_second = 1;
    csv_.append(timeless);
  }

 private:
  CsvLog csv_;
};

struct Setting {
  int epochs = 8;
  std::string optimizer = "adam";
  bool schedule = false;
  bool callbacks = false;  ///< EMA, early stopping and the reduction of the learning rate
  bool shuffle = true;
  bool normalized = false;  ///< a network with moving statistics
  const NamedNetwork* named = nullptr;  ///< the network instead
};

/// What --optimizer can be, with options that give it all the state that it can have.
std::unique_ptr<Optimizer> make_optimizer(const std::string& name) {
  if (name == "adam") return std::make_unique<Adam>(AdamOptions{.learning_rate = 0.02});
  if (name == "adamw") return std::make_unique<AdamW>(AdamWOptions{.learning_rate = 0.02, .weight_decay = 0.1});
  if (name == "sgd") return std::make_unique<SGD>(SGDOptions{.learning_rate = 0.1, .momentum = 0.9});
  return std::make_unique<RMSprop>(RMSpropOptions{.learning_rate = 0.01, .momentum = 0.5, .centered = true});
}

Sequential make_network(const Setting& setting) {
  if (setting.named != nullptr) return setting.named->make({16, 16, 1}, 4);
  return setting.normalized ? small_resnet(16) : small_convnet(16, 16);
}

/// A training in a folder, with all its parts anew, as another process would have it.
class SmallRun {
 public:
  SmallRun(const Setting& setting, const fs::path& folder, int threads)
      : setting_(setting), folder_(folder), executor_(threads), optimizer_(make_optimizer(setting.optimizer)) {}

  /// Trains from the checkpoint `from`, or from the start if that is empty, and calls at_save_point.
  template <class F>
  History train(const fs::path& from, F at_save_point) {
    FitOptions options{.epochs = setting_.epochs, .batch_size = 8, .shuffle = setting_.shuffle, .seed = 3,
                       .validation = validation_};
    if (setting_.schedule) options.schedule = &wave_;
    TrainingState state;
    std::optional<int> last_epoch;
    std::optional<std::int64_t> last_step;
    if (!from.empty()) {
      state = load_checkpoint(from, model_, *optimizer_, data_, options);
      last_epoch = state.progress.finished_epochs();
      last_step = optimizer_->steps();
      options.start = &state;
    }
    EpochRows epochs(folder_ / "epochs.csv", last_epoch);
    StepCsvLog steps(folder_ / "steps.csv", {.every = 2, .last_step = last_step});
    AtSavePoint hook(at_save_point);
    std::vector<Callback*> callbacks = {&epochs, &steps, &hook};
    if (setting_.callbacks) callbacks.insert(callbacks.end(), {&average_, &stopping_, &plateau_});
    options.callbacks = callbacks;
    return fit(model_, *optimizer_, data_, options);
  }

  std::vector<float> weights() const {
    std::vector<float> all;
    for (const Parameter& parameter : model_.parameters()) {
      all.insert(all.end(), parameter.value(), parameter.value() + parameter.size());
    }
    return all;
  }
  double learning_rate() const { return optimizer_->learning_rate(); }
  int stopped_epoch() const { return stopping_.stopped_epoch(); }

 private:
  Setting setting_;
  fs::path folder_;
  // 37 to train on: four batches of eight, one of five. Images and filters for which threads are used.
  Dataset all_ = quarters(44, 16);
  DatasetView data_{all_, 0, 37};
  DatasetView validation_{all_, 37, 7};
  Executor executor_;
  Model model_{make_network(setting_), executor_, {.max_batch = 8, .seed = 5}};
  std::unique_ptr<Optimizer> optimizer_;
  Wave wave_;
  ExponentialMovingAverage average_{{.momentum = 0.8}};
  // What is ruled out as an improvement makes both act in this short training.
  EarlyStopping stopping_{{.min_delta = 0.4, .patience = 2, .restore_best_weights = true,
                           .average = &average_}};
  ReduceLROnPlateau plateau_{{.patience = 1, .min_delta = 0.4}};
};

void expect_same_from_everywhere(const Setting& setting) {
  const TempDir folder;
  std::vector<fs::path> checkpoints;
  SmallRun whole(setting, folder.path(), 2);
  const Fingerprint* print = nullptr;
  Fingerprint fingerprint_of_run;
  const History history = whole.train({}, [&](Training& training, const SavePoint&) {
    if (print == nullptr) {
      fingerprint_of_run =
          fingerprint(training.model, training.optimizer, training.data, training.options);
      print = &fingerprint_of_run;
    }
    checkpoints.push_back(folder / (std::to_string(checkpoints.size()) + ".safetensors"));
    save_checkpoint(checkpoints.back(), training, *print);
  });
  ASSERT_EQ(checkpoints.size(), history.epochs.size() * 6);  // five steps and an end
  const std::string epochs = read_bytes(folder / "epochs.csv");
  const std::string steps = read_bytes(folder / "steps.csv");

  constexpr int kThreads[] = {1, 2, 3, 5, 8, 16};
  for (std::size_t i = 0; i < checkpoints.size(); ++i) {
    // In the folder as it was left at the end: later rows are there and have to go.
    SmallRun resumed(setting, folder.path(), kThreads[i % std::size(kThreads)]);
    std::size_t points = i + 1;
    resumed.train(checkpoints[i], [&](Training&, const SavePoint&) { ++points; });
    ASSERT_EQ(points, checkpoints.size()) << "from save point " << i;
    ASSERT_EQ(resumed.weights(), whole.weights()) << "from save point " << i;
    ASSERT_EQ(resumed.learning_rate(), whole.learning_rate()) << "from save point " << i;
    ASSERT_EQ(resumed.stopped_epoch(), whole.stopped_epoch()) << "from save point " << i;
    ASSERT_EQ(read_bytes(folder / "epochs.csv"), epochs) << "from save point " << i;
    ASSERT_EQ(read_bytes(folder / "steps.csv"), steps) << "from save point " << i;
  }
}

TEST(ResumeTest, Adam) { expect_same_from_everywhere({}); }

TEST(ResumeTest, SgdWithMomentumAndASchedule) {
  expect_same_from_everywhere({.optimizer = "sgd", .schedule = true});
}

TEST(ResumeTest, OtherOptimizers) {
  for (const char* optimizer : {"adamw", "rmsprop"}) expect_same_from_everywhere({.epochs = 3, .optimizer = optimizer});
}

TEST(ResumeTest, NamedNetworks) {
  for (const NamedNetwork& named : named_networks()) {
    SCOPED_TRACE(named.name);
    expect_same_from_everywhere({.epochs = 1, .named = &named});
  }
}

TEST(ResumeTest, WithoutShuffling) { expect_same_from_everywhere({.shuffle = false}); }

TEST(ResumeTest, WithCallbacksInFlight) { expect_same_from_everywhere({.callbacks = true}); }

TEST(ResumeTest, WithCallbacksAndASchedule) {
  expect_same_from_everywhere({.optimizer = "sgd", .schedule = true, .callbacks = true});
}

TEST(ResumeTest, WithMovingStatistics) {
  expect_same_from_everywhere({.optimizer = "sgd", .callbacks = true, .normalized = true});
}

// The tests above would pass for callbacks that do nothing.
TEST(ResumeTest, TheCallbacksAct) {
  const TempDir folder;
  SmallRun run({.callbacks = true}, folder.path(), 1);
  const History history = run.train({}, [](Training&, const SavePoint&) {});
  EXPECT_TRUE(history.stopped);
  EXPECT_GT(run.stopped_epoch(), 1);
  EXPECT_LT(run.learning_rate(), 0.02);
  SmallRun plain({}, folder.path(), 1);
  plain.train({}, [](Training&, const SavePoint&) {});
  EXPECT_NE(run.weights(), plain.weights());
}

}  // namespace
}  // namespace tilewise
