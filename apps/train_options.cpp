#include "apps/train_options.hpp"

#include "apps/config_file.hpp"

namespace tilewise::app {
namespace {

/// Puts the options that were added since `first` under a heading of --help.
class Group {
 public:
  Group(CLI::App& command, const char* name)
      : command_(command), name_(name), first_(command.get_options().size()) {}
  ~Group() {
    const auto options = command_.get_options();
    for (std::size_t i = first_; i < options.size(); ++i) options[i]->group(name_);
  }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

 private:
  CLI::App& command_;
  const char* name_;
  std::size_t first_;
};

void add_network_and_data(CLI::App& command, TrainOptions& options) {
  const Group group(command, "Network and data");
  add_model(command, options.model);
  add_data_options(command, options.data);
  command
      .add_option("--validation-split", options.validation_split,
                  "share of the training images, the last ones, kept for validation")
      ->capture_default_str();
}

void add_training(CLI::App& command, TrainOptions& options) {
  const Group group(command, "Training");
  command.add_option("--epochs", options.epochs, "passes over the training images")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  add_batch_size(command, "--batch-size", options.batch_size);
  command.add_option("--seed", options.seed, "seed of weights, shuffling and dropout")
      ->capture_default_str();
}

void add_optimizer(CLI::App& command, TrainOptions& options) {
  const Group group(command, "Optimizer");
  command.add_option("--optimizer", options.optimizer, "adam or sgd")
      ->capture_default_str()
      ->check(CLI::IsMember({"adam", "sgd"}));
  command.add_option("--lr", options.learning_rate, "learning rate [0.001 for adam, 0.01 for sgd]")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--momentum", options.momentum, "momentum of sgd, below 1")
      ->capture_default_str();
}

void add_run(CLI::App& command, TrainOptions& options) {
  const Group group(command, "Run");
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
  command.add_flag("--dry-run", options.dry_run, "run a single step and leave no folder");
  command.add_flag("--profile", options.profile,
                   "print where the training steps went, as 'tilewise profile' does");
  add_trace(command, options.trace);
}

}  // namespace

void add_train_options(CLI::App& command, TrainOptions& options) {
  add_network_and_data(command, options);
  add_training(command, options);
  add_optimizer(command, options);
  add_run(command, options);
}

}  // namespace tilewise::app
