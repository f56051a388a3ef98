#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "tilewise/layers/schedule.hpp"

namespace tilewise::app {

/// The options of `tilewise train` that say how the learning rate changes. Epochs may be fractions.
struct ScheduleOptions {
  std::string schedule = "constant";
  std::optional<double> gamma = std::nullopt;
  std::optional<double> step_epochs = std::nullopt;
  std::optional<double> warmup_epochs = std::nullopt;
  std::optional<double> min_lr = std::nullopt;
};

/// What a schedule is to fit.
struct TrainingLength {
  int epochs = 0;
  std::int64_t epoch_steps = 0;  ///< steps of an epoch
};

void add_schedule_options(CLI::App& command, ScheduleOptions& options);

/// The schedule with `learning_rate` as its largest, null for a constant rate. Throws ArgumentError when an
/// option is out of range or is none of this schedule's.
std::unique_ptr<Schedule> make_schedule(const ScheduleOptions& options, double learning_rate,
                                        const TrainingLength& length);

/// As text that tells any two apart: for a schedule that ends with the training, with its length.
std::string describe_schedule(const ScheduleOptions& options, const TrainingLength& length);

}  // namespace tilewise::app
