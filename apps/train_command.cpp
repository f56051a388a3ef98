#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>

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
#include "tilewise/core/error.hpp"
#include "tilewise/layers/adam.hpp"
#include "tilewise/layers/sgd.hpp"
#include "tilewise/train/atomic_file.hpp"
#include "tilewise/train/csv_log.hpp"
#include "tilewise/train/dataset.hpp"
#include "tilewise/train/fit.hpp"
#include "tilewise/train/weights_file.hpp"

namespace tilewise::app {
namespace {

/// Writes each epoch's row; measures the FMA peak between epochs, so that it is measured in the same
/// minutes as the training it is compared with.
class EpochLog final : public Callback {
 public:
  EpochLog(std::optional<CsvLog> csv, Runtime& runtime)
      : csv_(std::move(csv)), peak_(runtime.kernels(), runtime.executor()) {
    peak_.measure();
  }

  void on_epoch_end(const EpochRecord& record) override {
    if (csv_) csv_->append(record);
    peak_.measure();
  }

  const PeakMeter& peak() const { return peak_; }

 private:
  std::optional<CsvLog> csv_;
  PeakMeter peak_;
};

std::unique_ptr<Optimizer> make_optimizer(const TrainOptions& options) {
  if (options.optimizer == "sgd") {
    SGDOptions sgd{.momentum = options.momentum};
    if (options.learning_rate) sgd.learning_rate = *options.learning_rate;
    return std::make_unique<SGD>(sgd);
  }
  AdamOptions adam;
  if (options.learning_rate) adam.learning_rate = *options.learning_rate;
  return std::make_unique<Adam>(adam);
}

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

/// `config` is what the run folder keeps to repeat the run.
int train(const TrainOptions& options, const std::string& config) {
  if (options.momentum != 0 && options.optimizer != "sgd") {
    throw ArgumentError("--momentum: only sgd has momentum; add --optimizer sgd");
  }
  if (!options.trace.empty()) check_can_write(options.trace);
  Runtime runtime(options.threads);
  const Verbosity verbose = verbosity(options);
  const bool talk = verbose != Verbosity::silent;
  if (talk) fmt::print("{}\n", runtime.description());

  const Dataset train_data = load_data(options.data, Split::train);
  const Dataset test_data = load_data(options.data, Split::test);
  auto [training, validation] = split_validation(train_data, options.validation_split);
  const std::unique_ptr<Optimizer> optimizer = make_optimizer(options);
  const std::unique_ptr<Profiler> profiler = make_profiler(options);
  Model model(make_network(options.model, train_data), runtime.executor(),
              {.max_batch = std::min(options.batch_size, training.size()),
               .seed = options.seed,
               .kernels = &runtime.kernels(),
               .profiler = profiler.get()});

  DatasetView test = test_data;
  FitOptions fit_options{.epochs = options.epochs, .seed = options.seed};
  if (validation.size() > 0) fit_options.validation = validation;
  std::optional<RunFolder> folder;
  std::optional<CsvLog> csv;
  if (options.dry_run) {
    training = one_batch(train_data, model.max_batch());
    test = one_batch(test_data, model.max_batch());
    if (fit_options.validation) fit_options.validation = training;
    fit_options.epochs = 1;
  } else {
    folder.emplace(options.output.empty() ? default_run_path(options.model)
                                          : std::filesystem::path(options.output));
    write_file_atomically(folder->config(), config);
    csv.emplace(folder->log());
  }
  if (talk) {
    fmt::print("{}{} training, {} validation and {} test images from {}\n",
               model.network().summary(), training.size(),
               fit_options.validation ? fit_options.validation->size() : 0, test.size(),
               options.data.data_dir);
    std::fflush(stdout);
  }

  StopSignal stop_signal;
  ProgressBar progress(verbose, fit_options.epochs);
  EpochLog log(std::move(csv), runtime);
  Callback* const callbacks[] = {&progress, &log, &stop_signal};
  fit_options.callbacks = callbacks;
  const History history = fit(model, *optimizer, training, fit_options);
  progress.finish_line();
  if (history.stopped && talk) fmt::print("Stopped by a signal.\n");

  RunReport report{.runtime = runtime.description(),
                   .options = options,
                   .threads = runtime.executor().threads(),
                   .learning_rate = optimizer->learning_rate(),
                   .finished_epochs = history.epochs.size(),
                   .images_per_second = training_speed(history),
                   .flops_per_image = model.network().training_flops(),
                   .fma_peak_flops = log.peak().median()};
  if (!history.stopped) report.test = tilewise::evaluate(model, test);
  if (report.test && !std::isfinite(report.test->loss)) {
    throw DivergedError("training diverged: test loss is not finite");
  }
  if (folder) {
    save_weights(folder->weights(), model);
    write_report(folder->report(), report);
  }
  if (talk) {
    if (!history.epochs.empty()) fmt::print("{}\n", report.speed_line());
    if (folder) fmt::print("Wrote {} and {}\n", folder->weights().string(), folder->log().string());
    if (report.test) {
      fmt::print("Test accuracy: {:.4f} - test loss: {:.4f}\n", report.test->accuracy,
                 report.test->loss);
    }
  }
  if (options.profile) {
    fmt::print("{}", ProfileReport{*profiler, runtime.kernels().isa, log.peak().median()}.table());
  }
  if (!options.trace.empty()) write_and_announce_trace(options.trace, *profiler, talk);
  return stop_signal.received() != 0 ? kExitSignalBase + stop_signal.received() : kExitSuccess;
}

/// With the learning rate that the optimizer has, and without the folder, which is where the file is.
std::string config_of(const CLI::App& command, const TrainOptions& options) {
  const double learning_rate = make_optimizer(options)->learning_rate();
  return fmt::format("# tilewise {}; 'tilewise train --config FILE --output FOLDER' repeats the run.\n{}",
                     TILEWISE_VERSION,
                     resolved_config(command, {{"lr", fmt::format("{}", learning_rate)}, {"output", ""}}));
}

}  // namespace

Command add_train_command(CLI::App& app) {
  const auto options = std::make_shared<TrainOptions>();
  CLI::App& command = *app.add_subcommand(
      "train", "Train a network; leave weights, a CSV log and a report in a folder");
  add_train_options(command, *options);
  command.footer(
      "The same seed, data and options give the same bits on any number of threads.\n"
      "The folder keeps the options in config.toml.\n"
      "Examples:\n"
      "  tilewise train --epochs 5 --batch-size 64 --output runs/five-epochs\n"
      "  tilewise train --config runs/five-epochs/config.toml --output runs/again");
  return {&command, [&command, options] { return train(*options, config_of(command, *options)); }};
}

}  // namespace tilewise::app
