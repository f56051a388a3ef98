#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "apps/callback_options.hpp"
#include "apps/run_folder.hpp"
#include "tilewise/train/callback.hpp"
#include "tilewise/train/callbacks/checkpointer.hpp"
#include "tilewise/train/callbacks/exponential_moving_average.hpp"
#include "tilewise/train/callbacks/step_csv_log.hpp"
#include "tilewise/train/csv_log.hpp"
#include "tilewise/train/training.hpp"

namespace tilewise::app {

/// The files that a run keeps in its folder while it trains.
class RunFiles {
 public:
  /// `start` is where the training goes on, null for a new one; `steps` those that the optimizer has done. `average`
  /// may be null; what else is referred to outlives this.
  RunFiles(const RunFolder& folder, const CallbackOptions& options, const TrainingState* start,
           std::int64_t steps, ExponentialMovingAverage* average);

  CsvLog& epochs() { return epochs_; }
  /// Those that log steps and save, which come after all others.
  void append_to(std::vector<Callback*>& callbacks);

 private:
  Checkpointer checkpointer_;
  CsvLog epochs_;
  std::optional<StepCsvLog> steps_;
};

}  // namespace tilewise::app
