#include "tilewise/train/callbacks/checkpointer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "support/error_matchers.hpp"
#include "support/file_size_limit.hpp"
#include "support/small_training.hpp"
#include "support/temp_dir.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/layers/adam.hpp"
#include "tilewise/layers/sgd.hpp"
#include "tilewise/train/checkpoint.hpp"
#include "tilewise/train/fit.hpp"
#include "tilewise/train/weights_file.hpp"

namespace tilewise {
namespace {

using ::testing::ElementsAre;
using testing::FileSizeLimit;
using testing::quarters;
using testing::read_bytes;
using testing::small_convnet;
using testing::TempDir;
using testing::throws_line;
using testing::weights_of;

class CheckpointerTest : public ::testing::Test {
 protected:
  Dataset data_ = quarters(30);
  Executor executor_{2};
  Model model_{small_convnet(), executor_, {.max_batch = 8, .seed = 5}};
  SGD sgd_{{.learning_rate = 1, .momentum = 0.5}};
  FitOptions options_{.epochs = 2, .validation = data_};
  Training training_{model_, sgd_, data_, options_};
  TempDir folder_;
};

TEST_F(CheckpointerTest, SavesAfterEpochsStepsAndAtTheEnd) {
  struct Case {
    int every_epochs;
    std::int64_t every_steps;
    std::vector<std::int64_t> saved;  ///< optimizer steps of the checkpoint, after each save point
  };
  // Two epochs of four steps.
  const std::vector<Case> cases = {{1, 0, {0, 0, 0, 0, 4, 4, 4, 4, 4, 8}},
                                   {0, 3, {0, 0, 3, 3, 3, 3, 6, 6, 6, 8}},
                                   {0, 0, {0, 0, 0, 0, 0, 0, 0, 0, 0, 8}},
                                   {2, 5, {0, 0, 0, 0, 0, 5, 5, 5, 5, 8}}};
  for (const Case& c : cases) {
    const TempDir folder;
    Model model(small_convnet(), executor_, {.max_batch = 8, .seed = 5});
    Adam adam;
    Checkpointer checkpointer(
        {.folder = folder.path(), .every_epochs = c.every_epochs, .every_steps = c.every_steps});
    std::vector<std::int64_t> saved;
    testing::AtSavePoint look([&](Training&, const SavePoint&) {
      Model other(small_convnet(), executor_, {.max_batch = 8, .seed = 5});
      Adam loaded;
      if (std::filesystem::exists(checkpointer.last())) {
        load_checkpoint(checkpointer.last(), other, loaded, data_, {});
      }
      saved.push_back(loaded.steps());
    });
    Callback* const callbacks[] = {&checkpointer, &look};
    fit(model, adam, data_, {.epochs = 2, .callbacks = callbacks});
    EXPECT_EQ(saved, c.saved);
    EXPECT_THAT(folder.names(), ElementsAre("checkpoint.safetensors"));
  }
}

TEST_F(CheckpointerTest, SavesWhenTrainingIsStopped) {
  class StopAtThree final : public Callback {
   public:
    void on_step_end(const StepRecord& record) override { stop_ = record.global_step == 3; }
    bool should_stop() const override { return stop_; }

   private:
    bool stop_ = false;
  };
  StopAtThree stop;
  Checkpointer checkpointer({.folder = folder_.path()});
  Callback* const callbacks[] = {&stop, &checkpointer};
  EXPECT_TRUE(fit(model_, sgd_, data_, {.epochs = 2, .callbacks = callbacks}).stopped);
  SGD resumed({.momentum = 0.5});
  const TrainingState state = load_checkpoint(checkpointer.last(), model_, resumed, data_, {});
  EXPECT_EQ(resumed.steps(), 3);
  EXPECT_EQ(state.progress.epoch, 1);
}

TEST_F(CheckpointerTest, KeepsTheBestWeights) {
  Checkpointer checkpointer({.folder = folder_.path(), .monitor = "val_accuracy"});
  checkpointer.on_train_begin(training_);
  std::vector<std::vector<float>> best;
  for (const double value : {0.5, 0.4, 0.5, 0.6, 0.1}) {
    model_.edit_parameters([](std::span<Parameter> p) { p[0].value()[0] += 1; });
    checkpointer.on_epoch_end({.epoch = static_cast<int>(best.size()) + 1, .val_accuracy = value});
    Model loaded(small_convnet(), executor_, {.max_batch = 8});
    load_weights(checkpointer.best(), loaded);
    best.push_back(weights_of(loaded));
  }
  EXPECT_EQ(best[1], best[0]);
  EXPECT_EQ(best[2], best[0]);
  EXPECT_NE(best[3], best[0]);
  EXPECT_EQ(best[4], best[3]);
}

TEST_F(CheckpointerTest, AWorseEpochAfterAResumeDoesNotReplaceTheBest) {
  Checkpointer before({.folder = folder_.path(), .monitor = "val_loss"});
  before.on_train_begin(training_);
  before.on_epoch_end({.epoch = 1, .val_loss = 1});
  const std::string best = read_bytes(before.best());
  Checkpointer after({.folder = folder_.path(), .monitor = "val_loss"});
  after.on_train_begin(training_);
  after.restore(before.state());
  model_.edit_parameters([](std::span<Parameter> p) { p[0].value()[0] += 1; });
  after.on_epoch_end({.epoch = 2, .val_loss = 1.5});
  EXPECT_EQ(read_bytes(after.best()), best);
  after.on_epoch_end({.epoch = 3, .val_loss = 0.5});
  EXPECT_NE(read_bytes(after.best()), best);
}

TEST_F(CheckpointerTest, FullDiskLeavesTheLastCheckpoint) {
  const auto last = folder_ / "checkpoint.safetensors";
  {
    Checkpointer checkpointer({.folder = folder_.path()});
    Callback* const callbacks[] = {&checkpointer};
    fit(model_, sgd_, data_, {.epochs = 1, .callbacks = callbacks});
  }
  const std::string good = read_bytes(last);
  for (const std::size_t room : {std::size_t{0}, std::size_t{100}, good.size() - 1}) {
    Checkpointer checkpointer({.folder = folder_.path()});
    Callback* const callbacks[] = {&checkpointer};
    const FileSizeLimit limit(room);
    EXPECT_THAT([&] { fit(model_, sgd_, data_, {.epochs = 2, .callbacks = callbacks}); },
                throws_line<FileError>(last.string() + ": cannot write: "));
    EXPECT_EQ(read_bytes(last), good);
    EXPECT_THAT(folder_.names(), ElementsAre("checkpoint.safetensors"));
  }
}

TEST_F(CheckpointerTest, TellsBeforehandThatItCannotWrite) {
  Checkpointer nowhere({.folder = folder_ / "none"});
  Callback* callbacks[] = {&nowhere};
  EXPECT_THAT([&] { fit(model_, sgd_, data_, {.callbacks = callbacks}); },
              throws_line<FileError>((folder_ / "none").string(), "No such file or directory"));
  EXPECT_EQ(sgd_.steps(), 0);
  if (geteuid() == 0) GTEST_SKIP() << "root may write everything";
  std::filesystem::permissions(
      folder_.path(), std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  Checkpointer read_only({.folder = folder_.path()});
  callbacks[0] = &read_only;
  EXPECT_THAT([&] { fit(model_, sgd_, data_, {.callbacks = callbacks}); },
              throws_line<FileError>(folder_.path().string(), "Permission denied"));
  EXPECT_EQ(sgd_.steps(), 0);
}

TEST_F(CheckpointerTest, ARuinedTrainingDoesNotReplaceTheCheckpoint) {
  class Ruin final : public Callback {
   public:
    void on_train_begin(Training& training) override { model_ = &training.model; }
    void on_step_end(const StepRecord& record) override {
      if (record.global_step < 3) return;
      model_->edit_parameters([](std::span<Parameter> p) { p[1].value()[2] = INFINITY; });
    }

   private:
    Model* model_ = nullptr;
  };
  Ruin ruin;
  Checkpointer checkpointer({.folder = folder_.path(), .every_steps = 1});
  Callback* const callbacks[] = {&ruin, &checkpointer};
  EXPECT_THAT([&] { fit(model_, sgd_, data_, {.callbacks = callbacks}); },
              throws_line<DivergedError>("after step 3, to be saved: value of conv2d/bias"));
  SGD resumed({.momentum = 0.5});
  load_checkpoint(checkpointer.last(), model_, resumed, data_, {});
  EXPECT_EQ(resumed.steps(), 2);
}

}  // namespace
}  // namespace tilewise
