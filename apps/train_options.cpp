#include "apps/train_options.hpp"

#include "apps/augment_option.hpp"
#include "apps/config_file.hpp"
#include "apps/number_checks.hpp"
#include "apps/option_group.hpp"
#include "apps/training_preset.hpp"
#include "tilewise/core/error.hpp"

namespace tilewise::app {
namespace {

void add_network_and_data(CLI::App& command, TrainOptions& options) {
  const OptionGroup group(command, "Network and data");
  add_preset(command);
  add_model(command, options.model);
  add_data_options(command, options.data);
  command
      .add_option("--validation-split", options.validation_split,
                  "share of the training images, the last ones, kept for validation")
      ->capture_default_str()
      ->check(below_one());
  add_augment(command, options.augment);
}

void add_training(CLI::App& command, TrainOptions& options) {
  const OptionGroup group(command, "Training");
  command.add_option("--epochs", options.epochs, "passes over the training images")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  add_batch_size(command, "--batch-size", options.batch_size);
  command.add_option("--seed", options.seed, "seed of weights, shuffling, dropout and augmentation")
      ->capture_default_str()
      ->check(whole_number());
  add_loss_options(command, options.optimizer);
}

void add_optimizer(CLI::App& command, TrainOptions& options) {
  const OptionGroup group(command, "Optimizer");
  add_optimizer_options(command, options.optimizer);
}

void add_schedule(CLI::App& command, TrainOptions& options) {
  const OptionGroup group(command, "Learning rate; epochs may be fractions");
  add_schedule_options(command, options.schedule);
  add_plateau_options(command, options.callbacks);
}

void add_stopping(CLI::App& command, TrainOptions& options) {
  const OptionGroup group(command, "Stopping");
  add_stopping_options(command, options.callbacks);
}

void add_saving(CLI::App& command, TrainOptions& options) {
  const OptionGroup group(command, "Averaging, saving and resuming");
  add_saving_options(command, options.callbacks);
  command
      .add_option("--resume", options.resume,
                  "folder of a run to go on with, under its own options; --epochs may be raised unless the schedule "
                  "spans them")
      ->type_name("DIR")
      ->configurable(false);
}

void add_run(CLI::App& command, TrainOptions& options) {
  const OptionGroup group(command, "Run");
  command
      .add_option("--output", options.output,
                  "folder for the results; must not hold a run already [runs/<network>-<time>]")
      ->type_name("DIR");
  add_config(command);
  add_threads(command, options.threads);
  command
      .add_option("--verbose", options.verbose, "0 silent, 1 progress bar, 2 one line per epoch, auto")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "0", "1", "2"}));
  command.add_flag("--dry-run", options.dry_run, "try the other options: run a single step and leave no folder");
  command.add_flag("--profile", options.profile,
                   "print where the training steps went, as 'tilewise profile' does");
  add_trace(command, options.trace);
}

}  // namespace

void add_train_options(CLI::App& command, TrainOptions& options) {
  add_network_and_data(command, options);
  add_training(command, options);
  add_optimizer(command, options);
  add_schedule(command, options);
  add_stopping(command, options);
  add_saving(command, options);
  add_run(command, options);
}

void check(const TrainOptions& options) {
  if (!options.resume.empty() && !options.output.empty()) {
    throw ArgumentError("--resume: goes on in the folder of the run; leave out --output");
  }
  if (!options.resume.empty() && options.dry_run) {
    throw ArgumentError("--resume: leave out --dry-run, which writes nothing");
  }
  check(options.callbacks, options.validation_split > 0);
}

}  // namespace tilewise::app
