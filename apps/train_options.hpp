#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "apps/options.hpp"

namespace tilewise::app {

/// The options of `tilewise train` with their defaults, in the groups that --help shows.
struct TrainOptions {
  // Network and data
  std::string model = "keras";
  DataOptions data;
  double validation_split = 0.1;

  // Training
  int epochs = 15;
  std::int64_t batch_size = 128;
  std::uint64_t seed = 1;

  // Optimizer
  std::string optimizer = "adam";
  std::optional<double> learning_rate = std::nullopt;  ///< the optimizer's own unless given
  double momentum = 0;

  // Run
  std::string output;  ///< empty: runs/<network>-<time>
  int threads = 0;     ///< 0: what the machine allows
  std::string verbose = "auto";
  bool dry_run = false;
  bool profile = false;
  std::string trace;  ///< empty: none
};

void add_train_options(CLI::App& command, TrainOptions& options);

}  // namespace tilewise::app
