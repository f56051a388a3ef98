#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>

#include "apps/commands.hpp"
#include "apps/plan_switches.hpp"
#include "tilewise/core/error.hpp"

namespace tilewise::app {
namespace {

void add_data_dir(CLI::App& command, std::string& data_dir) {
  command.add_option("--data-dir", data_dir, "folder with the IDX files, raw or .gz")
      ->capture_default_str();
}

void add_threads(CLI::App& command, int& threads) {
  command.add_option("--threads", threads, "number of threads [what the machine allows]")
      ->check(CLI::Range(1, 1024));
}

void add_batch_size(CLI::App& command, const char* names, std::int64_t& batch_size) {
  command.add_option(names, batch_size, "images per batch")
      ->capture_default_str()
      ->check(CLI::Range(1, 65'536));
}

void add_trace(CLI::App& command, std::string& trace) {
  command.add_option("--trace", trace,
                     "file for what each thread did when, to open in ui.perfetto.dev");
}

void add_train_command(CLI::App& app, TrainOptions& options) {
  CLI::App& command = *app.add_subcommand(
      "train", "Train the Keras MNIST convnet; leave weights, a CSV log and a report in a folder");
  add_data_dir(command, options.data_dir);
  command.add_option("--output", options.output,
                     "folder for the results; must not hold a run already [runs/mnist-<time>]");
  command.add_option("--epochs", options.epochs, "passes over the training images")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  add_batch_size(command, "--batch-size", options.batch_size);
  command.add_option("--optimizer", options.optimizer, "adam or sgd")
      ->capture_default_str()
      ->check(CLI::IsMember({"adam", "sgd"}));
  command.add_option("--lr", options.learning_rate, "learning rate [0.001 for adam, 0.01 for sgd]")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--momentum", options.momentum, "momentum of sgd, below 1")
      ->capture_default_str();
  command.add_option("--validation-split", options.validation_split,
                     "share of the training images, the last ones, kept for validation")
      ->capture_default_str();
  command.add_option("--seed", options.seed, "seed of weights, shuffling and dropout")
      ->capture_default_str();
  add_threads(command, options.threads);
  command.add_option("--verbose", options.verbose,
                     "0 silent, 1 progress bar, 2 one line per epoch, auto")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "0", "1", "2"}));
  command.add_flag("--dry-run", options.dry_run, "run a single step and leave no folder");
  command.add_flag("--profile", options.profile,
                   "print where the training steps went, as 'tilewise profile' does");
  add_trace(command, options.trace);
  command.footer(
      "The same seed, data and options give the same bits on any number of threads.\n"
      "Example:\n"
      "  tilewise train --epochs 5 --batch-size 64 --output runs/five-epochs");
}

void add_evaluate_command(CLI::App& app, EvaluateOptions& options) {
  CLI::App& command =
      *app.add_subcommand("evaluate", "Accuracy and loss of trained weights on the test images");
  command.add_option("--model", options.model, "weights that 'tilewise train' wrote")->required();
  add_data_dir(command, options.data_dir);
  add_batch_size(command, "--batch-size,--test-batch-size", options.batch_size);
  add_threads(command, options.threads);
  command.footer("Example:\n  tilewise evaluate --model runs/five-epochs/model.safetensors");
}

void add_profile_command(CLI::App& app, ProfileOptions& options) {
  CLI::App& command = *app.add_subcommand(
      "profile", "Train for a few steps; show where they go, by layer and pass");
  add_data_dir(command, options.data_dir);
  add_batch_size(command, "--batch-size", options.batch_size);
  command.add_option("--steps", options.steps, "training steps to measure, after a warm-up of 20")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  add_threads(command, options.threads);
  add_trace(command, options.trace);
  command.add_option("--csv", options.csv, "file for the table as CSV");
  std::vector<std::string> switches;
  for (const auto& [name, member] : kPlanSwitches) switches.push_back(name);
  command.add_option("--without", options.without,
                     "what the plan is not to do, to see what it brings: of depth_first, fuse_pooling,\n"
                     "move_relu_behind_pooling, skip_unread and sparse_gradients, several with commas")
      ->delimiter(',')
      ->check(CLI::IsMember(switches));
  command.footer(
      "ms       a step's time, as if all threads had worked on it together: the column adds up\n"
      "         to the step's time on the wall; 'idle' is threads waiting for each other\n"
      "GFLOP/s  multiply-adds that are executed, counted as two; 'of peak' is the share of the\n"
      "         peak of all threads, multiply-adds on registers, measured in the same run\n"
      "GB/s     arrays that are read and written, each counted once, from cache or memory\n"
      "kernel   tile: rows x vectors of the micro-kernel's register tile; else the kernel's name\n"
      "Example:\n"
      "  tilewise profile --threads 2 --trace trace.json --csv profile.csv\n"
      "  tilewise profile --without sparse_gradients");
}

void add_info_command(CLI::App& app, InfoOptions& options) {
  CLI::App& command = *app.add_subcommand(
      "info", "Instruction set, threads and build; with --peak, how fast the machine is");
  command.add_flag("--peak", options.peak,
                   "measure the peak of multiply-adds in registers, the limit of every kernel");
  add_threads(command, options.threads);
  command.footer("Example:\n  TILEWISE_ISA=avx2 tilewise info --peak");
}

int run(int argc, char** argv) {
  CLI::App app{
      "Tilewise trains convolutional networks on multicore CPUs.\n"
      "Start with 'tilewise train'; 'tilewise COMMAND --help' explains each command.",
      "tilewise"};
  app.set_version_flag("--version", "tilewise " TILEWISE_VERSION);
  app.require_subcommand(1);
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return fmt::format("tilewise: {} (see tilewise --help)\n", error.what());
  });
  app.footer(
      "Environment:\n"
      "  TILEWISE_NUM_THREADS  number of threads, unless --threads says otherwise; then\n"
      "                        OMP_NUM_THREADS; then what affinity and cgroup quota allow\n"
      "  TILEWISE_ISA          instruction set to use instead of the best: sse2, avx2, avx512,\n"
      "                        or neon; it must be one that this machine has\n"
      "Exit status:\n"
      "  0 success, 1 failure, 2 wrong usage, 3 training diverged, 130 or 143 stopped by a signal");
  TrainOptions train_options;
  EvaluateOptions evaluate_options;
  ProfileOptions profile_options;
  InfoOptions info_options;
  add_train_command(app, train_options);
  add_evaluate_command(app, evaluate_options);
  add_profile_command(app, profile_options);
  add_info_command(app, info_options);
  const auto is_asked_for = [&](const CLI::App* command) { return command->get_name() == argv[1]; };
  if (argc > 1 && argv[1][0] != '-' && app.get_subcommands(is_asked_for).empty()) {
    throw ArgumentError(fmt::format("unknown command '{}' (see tilewise --help)", argv[1]));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitSuccess : kExitUsage;
  }
  if (app.got_subcommand("train")) return train(train_options);
  if (app.got_subcommand("evaluate")) return evaluate(evaluate_options);
  if (app.got_subcommand("profile")) return profile(profile_options);
  return info(info_options);
}

/// Output that was lost, to a full disk say, is a failure like any other.
int flush_output(int exit_code) {
  if (std::fflush(stdout) != 0) {
    throw FileError(fmt::format("standard output: {}", std::strerror(errno)));
  }
  return exit_code;
}

int report(const char* what, int code) {
  fmt::print(stderr, "tilewise: {}\n", what);
  return code;
}

}  // namespace
}  // namespace tilewise::app

int main(int argc, char** argv) {
  using namespace tilewise::app;
  try {
    return flush_output(run(argc, argv));
  } catch (const tilewise::DivergedError& error) {
    return report(error.what(), kExitDiverged);
  } catch (const tilewise::ArgumentError& error) {
    return report(error.what(), kExitUsage);
  } catch (const std::bad_alloc&) {
    return report("out of memory", kExitFailure);
  } catch (const std::exception& error) {
    return report(error.what(), kExitFailure);
  }
}
