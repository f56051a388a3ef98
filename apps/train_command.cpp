#include <fmt/core.h>

#include <memory>
#include <string>

#include "apps/commands.hpp"
#include "apps/config_file.hpp"
#include "apps/run_folder.hpp"
#include "apps/train_options.hpp"
#include "apps/training_preset.hpp"
#include "apps/training_run.hpp"
#include "tilewise/core/error.hpp"

namespace tilewise::app {
namespace {

/// With the learning rate that the optimizer has; without the folder, which is where the file is, and the
/// preset, all of whose options are in it.
std::string config_of(const CLI::App& command, const TrainOptions& options) {
  const double learning_rate = make_optimizer(options.optimizer)->learning_rate();
  return fmt::format("# tilewise {}; 'tilewise train --config FILE --output FOLDER' repeats the run.\n{}",
                     TILEWISE_VERSION,
                     resolved_config(command, {{"lr", fmt::format("{}", learning_rate)},
                                               {"output", ""},
                                               {"preset", ""}}));
}

/// What `tilewise train` does with what the command line has.
int run(CLI::App& command, const TrainOptions& options) {
  AppliedPreset preset;
  if (!options.resume.empty()) {
    for (const char* const other : {"--config", "--preset"}) {
      if (command.count(other) == 0) continue;
      throw ArgumentError(fmt::format("--resume: takes the options of the run; leave out {}", other));
    }
    apply_config(command, RunFolder::to_resume(options.resume).config().string());
  } else {
    preset = apply_preset(command);
  }
  try {
    return run_training(options, config_of(command, options));
  } catch (const ArgumentError& error) {
    throw ArgumentError(error.what() + preset.note(error.what()));
  }
}

}  // namespace

Command add_train_command(CLI::App& app) {
  const auto options = std::make_shared<TrainOptions>();
  CLI::App& command = *app.add_subcommand(
      "train", "Train a network; leave weights, a CSV log and a report in a folder");
  add_train_options(command, *options);
  command.footer(
      "The same seed, data and options give the same bits on any number of threads.\n"
      "The folder keeps the options in config.toml and the last checkpoint. A run\n"
      "that was stopped or killed ends with --resume in the bits of one that was not.\n"
      "Examples:\n"
      "  tilewise train --epochs 5 --batch-size 64 --output runs/five-epochs\n"
      "  tilewise train --config runs/five-epochs/config.toml --output runs/again\n"
      "  tilewise train --resume runs/five-epochs --epochs 8\n"
      "  tilewise train --schedule cosine --warmup-epochs 0.5 --augment shift=2");
  return {&command, [&command, options] { return run(command, *options); }};
}

}  // namespace tilewise::app
