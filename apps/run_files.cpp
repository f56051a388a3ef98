#include "apps/run_files.hpp"

namespace tilewise::app {

RunFiles::RunFiles(const RunFolder& folder, const CallbackOptions& options, const TrainingState* start,
                   std::int64_t steps, ExponentialMovingAverage* average)
    : checkpointer_({.folder = folder.path(),
                     .every_epochs = options.checkpoint_every,
                     .every_steps = options.checkpoint_steps,
                     .monitor = options.save_best,
                     .average = average}),
      epochs_(folder.log(), start == nullptr ? 0 : start->progress.finished_epochs()) {
  if (options.log_steps > 0) {
    steps_.emplace(folder.step_log(), StepCsvLogOptions{.every = options.log_steps, .last_step = steps});
  }
}

void RunFiles::append_to(std::vector<Callback*>& callbacks) {
  if (steps_) callbacks.push_back(&*steps_);
  callbacks.push_back(&checkpointer_);
}

}  // namespace tilewise::app
