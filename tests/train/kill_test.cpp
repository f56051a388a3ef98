// A training that is killed at any moment, also while it writes a checkpoint, leaves a folder from which it goes
// on to the bits of one that was never disturbed. TILEWISE_TEST_KILLS sets how often it is killed.

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "support/idx_writer.hpp"
#include "support/small_training.hpp"
#include "support/temp_dir.hpp"
#include "tilewise/train/csv_log.hpp"
#include "tilewise/train/safetensors.hpp"

namespace tilewise {
namespace {

namespace fs = std::filesystem;

using testing::read_bytes;
using testing::TempDir;

using Clock = std::chrono::steady_clock;
using Microseconds = std::chrono::microseconds;

int kills_wanted() {
  const char* const text = std::getenv("TILEWISE_TEST_KILLS");
  return text == nullptr ? 10 : std::atoi(text);
}

/// Rows of the log without its last two columns, which are times.
std::vector<std::string> rows_without_times(const fs::path& log) {
  std::vector<std::string> rows;
  std::istringstream lines(read_bytes(log));
  for (std::string line; std::getline(lines, line);) {
    for (int column = 0; column < 2; ++column) line.resize(std::min(line.size(), line.rfind(',')));
    rows.push_back(line);
  }
  return rows;
}

class KillTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // 150 images: seven batches of 16 and one of 8 to train on, 30 to validate on.
    const Dataset data = testing::quarters(150, 12);
    std::string images(data.image(0), data.image(0) + data.size() * 144);
    std::string labels;
    for (std::int64_t i = 0; i < data.size(); ++i) labels += static_cast<char>(data.label(i));
    testing::write_idx(data_ / "train-images-idx3-ubyte", {150, 12, 12}, images);
    testing::write_idx(data_ / "train-labels-idx1-ubyte", {150}, labels);
  }

  /// Starts the training in `folder`; no file may grow beyond `file_bytes`.
  pid_t start(const TempDir& folder, int threads, rlim_t file_bytes = RLIM_INFINITY) {
    const std::string count = std::to_string(threads);
    const pid_t child = fork();
    if (child == 0) {
      const rlimit size{file_bytes, file_bytes};
      setrlimit(RLIMIT_FSIZE, &size);
      const rlimit no_core{0, 0};
      setrlimit(RLIMIT_CORE, &no_core);
      execl(TILEWISE_TRAINING_TO_KILL, "training_to_kill", data_.path().c_str(),
            folder.path().c_str(), count.c_str(), nullptr);
      _exit(127);
    }
    return child;
  }

  /// Waits for it: its exit status, or minus the signal that it died of.
  static int wait(pid_t child) {
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  /// What is in the folder of a training that was killed can be read. Returns whether there is a checkpoint.
  static bool check(const TempDir& folder) {
    bool has_checkpoint = false;
    for (const char* name : {"checkpoint.safetensors", "best.safetensors", "model.safetensors"}) {
      if (!fs::exists(folder / name)) continue;
      EXPECT_NO_THROW(read_safetensors(folder / name));
      has_checkpoint = true;
    }
    if (fs::exists(folder / "training.csv")) {
      const std::string log = read_bytes(folder / "training.csv");
      EXPECT_TRUE(log.empty() || log.starts_with(CsvLog::kHeader)) << log;
      EXPECT_TRUE(log.empty() || log.ends_with('\n')) << log;
    }
    return has_checkpoint;
  }

  static void expect_same(const TempDir& folder, const TempDir& undisturbed) {
    EXPECT_EQ(folder.names(), undisturbed.names());  // no leftovers either
    for (const char* name : {"model.safetensors", "best.safetensors", "steps.csv"}) {
      EXPECT_EQ(read_bytes(folder / name), read_bytes(undisturbed / name)) << name;
    }
    EXPECT_EQ(rows_without_times(folder / "training.csv"),
              rows_without_times(undisturbed / "training.csv"));
  }

  TempDir data_;
};

TEST_F(KillTest, AtRandomMoments) {
  const TempDir undisturbed;
  const auto begin = Clock::now();
  ASSERT_EQ(wait(start(undisturbed, 2)), 0);
  const auto whole = std::chrono::duration_cast<Microseconds>(Clock::now() - begin);

  std::random_device seed;
  std::mt19937 random(seed());
  const int kills = kills_wanted();
  int killed = 0;
  int resumed = 0;
  while (killed < kills) {
    const TempDir folder;
    bool finished = false;
    while (!finished && killed < kills) {
      const pid_t child = start(folder, 1 + killed % 3);
      std::this_thread::sleep_for(whole * (random() % 1000) / 2000);
      kill(child, SIGKILL);
      finished = wait(child) == 0;
      if (finished) break;
      ++killed;
      resumed += check(folder) ? 1 : 0;
    }
    if (!finished) {
      ASSERT_EQ(wait(start(folder, 2)), 0);
    }
    expect_same(folder, undisturbed);
    if (HasFailure()) return;
  }
  if (kills >= 10) {
    EXPECT_GT(resumed, 0) << "no kill came after a checkpoint";
  }
}

TEST_F(KillTest, WhileACheckpointIsWritten) {
  const TempDir undisturbed;
  ASSERT_EQ(wait(start(undisturbed, 1)), 0);
  const auto size = static_cast<rlim_t>(fs::file_size(undisturbed / "checkpoint.safetensors"));
  const TempDir folder;
  // Beyond the limit the system kills with SIGXFSZ, in the middle of a write: of the first checkpoint; then, with
  // a good one there, of later ones, which grow by what early stopping keeps.
  EXPECT_EQ(wait(start(folder, 1, size / 2)), -SIGXFSZ);
  EXPECT_FALSE(fs::exists(folder / "checkpoint.safetensors"));
  EXPECT_EQ(wait(start(folder, 2, size - 100)), -SIGXFSZ);
  EXPECT_TRUE(check(folder));
  const std::string good = read_bytes(folder / "checkpoint.safetensors");
  EXPECT_EQ(wait(start(folder, 3, size / 3)), -SIGXFSZ);
  EXPECT_EQ(read_bytes(folder / "checkpoint.safetensors"), good);
  EXPECT_EQ(wait(start(folder, 2)), 0);
  expect_same(folder, undisturbed);
}

}  // namespace
}  // namespace tilewise
