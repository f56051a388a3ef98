#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

#include "apps/train_options.hpp"
#include "tilewise/train/fit.hpp"

namespace tilewise::app {

/// What a training run was told and what came out of it.
struct RunReport {
  std::string runtime;
  TrainOptions options;
  int threads = 0;
  double learning_rate = 0;  ///< before a schedule changed it
  std::size_t finished_epochs = 0;
  double images_per_second = 0;  ///< training images over the time spent training
  double flops_per_image = 0;    ///< nominal: Sequential::training_flops()
  double fma_peak_flops = 0;     ///< a second, all threads together, measured during the run
  std::optional<Metrics> test = std::nullopt;

  /// "Training ran at 60000 images/s, nominal 855 GFLOP/s: 90% of the FMA peak"
  std::string speed_line() const;
};

/// Writes the report as JSON, all or nothing. Throws FileError.
void write_report(const std::filesystem::path& path, const RunReport& report);

}  // namespace tilewise::app
