#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/augment_option.hpp"
#include "apps/commands.hpp"
#include "apps/config_file.hpp"
#include "apps/exit_status.hpp"
#include "apps/network_source.hpp"
#include "apps/peak_meter.hpp"
#include "apps/profile_report.hpp"
#include "apps/progress_bar.hpp"
#include "apps/run_folder.hpp"
#include "apps/run_report.hpp"
#include "apps/runtime.hpp"
#include "apps/stop_signal.hpp"
#include "apps/train_options.hpp"
#include "apps/training_description.hpp"
#include "apps/training_preset.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/train/atomic_file.hpp"
#include "tilewise/train/callbacks/checkpointer.hpp"
#include "tilewise/train/callbacks/step_csv_log.hpp"
#include "tilewise/train/checkpoint.hpp"
#include "tilewise/train/csv_log.hpp"
#include "tilewise/train/dataset.hpp"
#include "tilewise/train/divergence.hpp"
#include "tilewise/train/fit.hpp"
#include "tilewise/train/weights_file.hpp"

namespace tilewise::app {
namespace {

/// Writes each epoch's row; measures the FMA peak between epochs, so that it is measured in the same
/// minutes as the training it is compared with.
class EpochLog final : public Callback {
 public:
  /// `csv` may be null.
  EpochLog(CsvLog* csv, Runtime& runtime) : csv_(csv), peak_(runtime.kernels(), runtime.executor()) {
    peak_.measure();
  }

  void on_epoch_end(const EpochRecord& record) override {
    if (csv_ != nullptr) csv_->append(record);
    peak_.measure();
  }

  const PeakMeter& peak() const { return peak_; }

 private:
  CsvLog* csv_;
  PeakMeter peak_;
};

/// Null unless a profile is asked for.
std::unique_ptr<Profiler> make_profiler(const TrainOptions& options) {
  if (!options.profile && options.trace.empty()) return nullptr;
  return std::make_unique<Profiler>(
      ProfilerOptions{.trace_events = options.trace.empty() ? 0 : kTraceEvents});
}

Verbosity verbosity(const TrainOptions& options) {
  if (options.verbose == "auto") return default_verbosity();
  return static_cast<Verbosity>(options.verbose[0] - '0');
}

/// Training images a second over the epochs that were finished; 0 if there are none.
double training_speed(const History& history) {
  double seconds_per_image = 0;  // every epoch has the same number of images
  for (const EpochRecord& epoch : history.epochs) seconds_per_image += 1 / epoch.images_per_second;
  return history.epochs.empty() ? 0.0
                                : static_cast<double>(history.epochs.size()) / seconds_per_image;
}

/// Samples of one batch at most, for --dry-run.
DatasetView one_batch(const Dataset& data, std::int64_t batch_size) {
  return {data, 0, std::min(batch_size, data.size())};
}

/// Throws ArgumentError when what the model was made for is not what it is to be tested on.
void check_test_data(const Dataset& train, const Dataset& test) {
  if (test.image_shape() == train.image_shape() && test.classes() <= train.classes()) return;
  throw ArgumentError(fmt::format("test images of shape {} in {} classes, but training images of shape {} in {}",
                                  test.image_shape().to_string(), test.classes(),
                                  train.image_shape().to_string(), train.classes()));
}

/// The files that a run keeps while it trains.
class RunFiles {
 public:
  /// `start` is where the training goes on; null for a new one.
  RunFiles(const RunFolder& folder, const CallbackOptions& options, const TrainingState* start,
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

  CsvLog& epochs() { return epochs_; }
  void append_to(std::vector<Callback*>& callbacks) {
    if (steps_) callbacks.push_back(&*steps_);
    callbacks.push_back(&checkpointer_);
  }

 private:
  Checkpointer checkpointer_;
  CsvLog epochs_;
  std::optional<StepCsvLog> steps_;
};

void print_data(const Model& model, const DatasetView& training, const FitOptions& fit_options,
                const DatasetView& test, const std::string& data_dir) {
  fmt::print("{}{} training, {} validation and {} test images from {}\n", model.network().summary(),
             training.size(), fit_options.validation ? fit_options.validation->size() : 0, test.size(),
             data_dir);
}

void print_start(const Progress& at, int epochs) {
  if (at.epoch > epochs) {
    fmt::print("All {} epochs are done.\n", epochs);
  } else {
    fmt::print("Resuming epoch {} after step {}.\n", at.epoch, at.step);
  }
}

RunFolder open_folder(const TrainOptions& options) {
  if (!options.resume.empty()) return RunFolder::to_resume(options.resume);
  return RunFolder(options.output.empty() ? default_run_path(options.model)
                                          : std::filesystem::path(options.output));
}

/// The state that the run in `folder` goes on from, with the model's and the optimizer's in place.
TrainingState load_start(const RunFolder& folder, Model& model, Optimizer& optimizer,
                         const DatasetView& training, const FitOptions& options) {
  TrainingState start = load_checkpoint(folder.checkpoint(), model, optimizer, training, options);
  if (start.progress.finished_epochs() > options.epochs) {
    throw ArgumentError(fmt::format("--epochs {}: the run has finished {} already", options.epochs,
                                    start.progress.finished_epochs()));
  }
  return start;
}

/// Why training stopped before its last epoch: a signal, or a callback.
void print_stop(bool by_signal, const std::optional<RunFolder>& folder, const SteeringCallbacks& steering) {
  if (!by_signal) {
    fmt::print("{}\n", steering.reason());
    return;
  }
  fmt::print("Stopped by a signal.\n");
  if (folder) fmt::print("To go on: tilewise train --resume {}\n", folder->path().string());
}

void print_results(const RunReport& report, bool any_epoch, const std::optional<RunFolder>& folder) {
  if (any_epoch) fmt::print("{}\n", report.speed_line());
  if (folder) fmt::print("Wrote {} and {}\n", folder->weights().string(), folder->log().string());
  if (report.test) {
    fmt::print("Test accuracy: {:.4f} - test loss: {:.4f}\n", report.test->accuracy, report.test->loss);
  }
}

/// `config` is what the run folder keeps to repeat the run.
int train(const TrainOptions& options, const std::string& config) {
  check(options);
  const std::unique_ptr<Optimizer> optimizer = make_optimizer(options.optimizer);
  const std::shared_ptr<const Loss> loss = make_loss(options.optimizer);
  SteeringCallbacks steering(options.callbacks);
  if (!options.trace.empty()) check_can_write(options.trace);
  Runtime runtime(options.threads);
  const Verbosity verbose = verbosity(options);
  const bool talk = verbose != Verbosity::silent;
  if (talk) fmt::print("{}\n", runtime.description());

  const Dataset train_data = load_data(options.data, Split::train);
  const Dataset test_data = load_data(options.data, Split::test);
  check_test_data(train_data, test_data);
  auto [training, validation] = split_validation(train_data, options.validation_split);
  const std::unique_ptr<Profiler> profiler = make_profiler(options);
  Model model(make_network(options.model, train_data), runtime.executor(),
              {.max_batch = std::min(options.batch_size, training.size()),
               .seed = options.seed,
               .loss = loss,
               .regularizer = {.l2 = options.optimizer.l2},
               .kernels = &runtime.kernels(),
               .profiler = profiler.get()});
  const TrainingLength length{
      .epochs = options.epochs,
      .epoch_steps = (training.size() + model.max_batch() - 1) / model.max_batch()};
  const double learning_rate = optimizer->learning_rate();
  const std::unique_ptr<Schedule> schedule = make_schedule(options.schedule, learning_rate, length);
  // Refuses what does not suit the images before there is a folder.
  check_augment(options.augment, train_data.image_shape());

  DatasetView test = test_data;
  FitOptions fit_options{.epochs = options.epochs,
                         .augment = options.augment,
                         .seed = options.seed,
                         .schedule = schedule.get(),
                         .description = describe(options, model.network(), length)};
  if (validation.size() > 0) fit_options.validation = validation;
  std::optional<RunFolder> folder;
  std::optional<RunFiles> files;
  TrainingState start;
  if (options.dry_run) {
    if (!options.output.empty()) RunFolder::check_is_free(options.output);
    training = one_batch(train_data, model.max_batch());
    test = one_batch(test_data, model.max_batch());
    if (fit_options.validation) fit_options.validation = training;
    fit_options.epochs = 1;
  } else {
    folder.emplace(open_folder(options));
    if (!options.resume.empty()) {
      start = load_start(*folder, model, *optimizer, training, fit_options);
      fit_options.start = &start;
    }
    write_file_atomically(folder->config(), config);
    files.emplace(*folder, options.callbacks, fit_options.start, optimizer->steps(), steering.average());
  }
  if (talk) {
    print_data(model, training, fit_options, test, options.data.data_dir);
    if (fit_options.start != nullptr) print_start(start.progress, options.epochs);
    std::fflush(stdout);
  }

  StopSignal stop_signal;
  ProgressBar progress(verbose, fit_options.epochs);
  EpochLog log(files ? &files->epochs() : nullptr, runtime);
  std::vector<Callback*> callbacks = steering.list();
  callbacks.insert(callbacks.end(), {&progress, &log, &stop_signal});
  if (files) files->append_to(callbacks);
  fit_options.callbacks = callbacks;
  const History history = fit(model, *optimizer, training, fit_options);
  const bool interrupted = history.stopped && stop_signal.received() != 0;
  progress.finish_line();
  if (talk && history.stopped) print_stop(interrupted, folder, steering);

  RunReport report{.runtime = runtime.description(),
                   .options = options,
                   .threads = runtime.executor().threads(),
                   .learning_rate = learning_rate,
                   .finished_epochs = static_cast<std::size_t>(start.progress.finished_epochs()) +
                                      history.epochs.size(),
                   .images_per_second = training_speed(history),
                   .flops_per_image = model.network().training_flops(),
                   .fma_peak_flops = log.peak().median()};
  if (!interrupted) report.test = tilewise::evaluate(model, test);
  if (report.test && !std::isfinite(report.test->loss)) {
    throw_diverged("after the last epoch", "test loss");
  }
  if (folder) {
    save_weights(folder->weights(), model);
    // One that had nothing left to train keeps the report of the training.
    const bool trained = interrupted || !history.epochs.empty();
    if (trained || !std::filesystem::exists(folder->report())) write_report(folder->report(), report);
  }
  if (talk) print_results(report, !history.epochs.empty(), folder);
  if (options.profile) {
    fmt::print("{}", ProfileReport{*profiler, runtime.kernels().isa, log.peak().median()}.table());
  }
  if (!options.trace.empty()) write_and_announce_trace(options.trace, *profiler, talk);
  return stop_signal.received() != 0 ? kExitSignalBase + stop_signal.received() : kExitSuccess;
}

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
    return train(options, config_of(command, options));
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
