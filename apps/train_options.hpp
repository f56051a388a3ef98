#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "apps/callback_options.hpp"
#include "apps/optimizer_options.hpp"
#include "apps/options.hpp"
#include "apps/schedule_options.hpp"
#include "tilewise/train/augment.hpp"

namespace tilewise::app {

/// The options of `tilewise train` with their defaults, in the groups that --help shows.
struct TrainOptions {
  // Network and data
  std::string model = "keras";
  DataOptions data;
  double validation_split = 0.1;
  AugmentOptions augment;

  // Training
  int epochs = 15;
  std::int64_t batch_size = 128;
  std::uint64_t seed = 1;

  OptimizerOptions optimizer;
  ScheduleOptions schedule;
  CallbackOptions callbacks;

  // Run
  std::string output;  ///< empty: runs/<network>-<time>
  std::string resume;  ///< the folder of the run to go on with; empty: a new one
  int threads = 0;     ///< 0: what the machine allows
  std::string verbose = "auto";
  bool dry_run = false;
  bool profile = false;
  std::string trace;  ///< empty: none
};

void add_train_options(CLI::App& command, TrainOptions& options);

/// Throws ArgumentError when options contradict each other.
void check(const TrainOptions& options);

}  // namespace tilewise::app
