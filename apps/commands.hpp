#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tilewise::app {

// What `tilewise` exits with.
inline constexpr int kExitSuccess = 0;
inline constexpr int kExitFailure = 1;       ///< something went wrong while running
inline constexpr int kExitUsage = 2;         ///< wrong arguments
inline constexpr int kExitDiverged = 3;      ///< training produced NaN or infinity
inline constexpr int kExitSignalBase = 128;  ///< plus the signal that stopped it

/// The options of the commands with their defaults; 0 threads means what the machine allows.
struct TrainOptions {
  std::string data_dir = "data/mnist";
  std::string output;  ///< empty: runs/mnist-<time>
  int epochs = 15;
  std::int64_t batch_size = 128;
  std::string optimizer = "adam";
  std::optional<double> learning_rate = std::nullopt;  ///< the optimizer's own unless given
  double momentum = 0;
  double validation_split = 0.1;
  std::uint64_t seed = 1;
  int threads = 0;
  std::string verbose = "auto";
  bool dry_run = false;
  bool profile = false;
  std::string trace;  ///< empty: none
};

struct EvaluateOptions {
  std::string model;
  std::string data_dir = "data/mnist";
  std::int64_t batch_size = 128;
  int threads = 0;
};

struct ProfileOptions {
  std::string data_dir = "data/mnist";
  std::int64_t batch_size = 128;
  std::int64_t steps = 100;
  int threads = 0;
  std::string trace;  ///< empty: none
  std::string csv;    ///< empty: none
  std::vector<std::string> without;  ///< names of plan_switches.hpp
};

struct InfoOptions {
  bool peak = false;
  int threads = 0;
};

// Each does its command's work and returns the exit status; errors are exceptions.
int train(const TrainOptions& options);
int evaluate(const EvaluateOptions& options);
int profile(const ProfileOptions& options);
int info(const InfoOptions& options);

}  // namespace tilewise::app
