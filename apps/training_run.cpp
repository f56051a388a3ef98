#include "apps/training_run.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "apps/augment_option.hpp"
#include "apps/exit_status.hpp"
#include "apps/network_source.hpp"
#include "apps/peak_meter.hpp"
#include "apps/profile_report.hpp"
#include "apps/progress_bar.hpp"
#include "apps/run_files.hpp"
#include "apps/run_folder.hpp"
#include "apps/run_report.hpp"
#include "apps/runtime.hpp"
#include "apps/stop_signal.hpp"
#include "apps/training_data.hpp"
#include "apps/training_description.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/train/atomic_file.hpp"
#include "tilewise/train/checkpoint.hpp"
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
  EpochLog(CsvLog* csv, PeakMeter& peak) : csv_(csv), peak_(peak) { peak_.measure(); }

  void on_epoch_end(const EpochRecord& record) override {
    if (csv_ != nullptr) csv_->append(record);
    peak_.measure();
  }

 private:
  CsvLog* csv_;
  PeakMeter& peak_;
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

RunFolder open_folder(const TrainOptions& options) {
  if (!options.resume.empty()) return RunFolder::to_resume(options.resume);
  return RunFolder(options.output.empty() ? default_run_path(options.model)
                                          : std::filesystem::path(options.output));
}

/// How a network is trained. Throws ArgumentError for what is wrong with the options, before anything is read or
/// written.
struct Method {
  explicit Method(const TrainOptions& options)
      : optimizer(make_optimizer(options.optimizer)),
        learning_rate(optimizer->learning_rate()),
        loss(make_loss(options.optimizer)),
        steering(options.callbacks) {}

  std::unique_ptr<Optimizer> optimizer;
  double learning_rate;  ///< before a schedule changes it
  std::shared_ptr<const Loss> loss;
  SteeringCallbacks steering;
};

class TrainingRun {
 public:
  /// Reads the data and makes the model. All referred to outlives this.
  TrainingRun(const TrainOptions& options, Method& method, Runtime& runtime);

  /// Makes the folder, or finds where the run in it goes on. A dry run has none.
  void open(const std::string& config);
  void fit();
  /// Tests, writes and prints what came out.
  void finish();
  int exit_status() const;

 private:
  bool talks() const { return verbosity_ != Verbosity::silent; }
  void shorten();
  void load_start();
  void print_start() const;
  void print_stop() const;
  void write(const RunReport& report) const;
  void print(const RunReport& report) const;
  RunReport report() const;

  const TrainOptions& options_;
  Method& method_;
  Runtime& runtime_;
  Verbosity verbosity_;
  TrainingData data_;
  std::unique_ptr<Profiler> profiler_;
  Model model_;
  TrainingLength length_;
  std::unique_ptr<Schedule> schedule_;
  FitOptions fit_options_;

  std::optional<RunFolder> folder_;
  std::optional<RunFiles> files_;
  TrainingState start_;
  std::optional<StopSignal> stop_signal_;  ///< from the start of training on
  PeakMeter peak_;
  History history_;
  bool interrupted_ = false;  ///< whether a signal ended the training, not one that came later
};

TrainingRun::TrainingRun(const TrainOptions& options, Method& method, Runtime& runtime)
    : options_(options),
      method_(method),
      runtime_(runtime),
      verbosity_(verbosity(options)),
      data_(options.data, options.validation_split),
      profiler_(make_profiler(options)),
      model_(make_network(options.model, data_.images()), runtime_.executor(),
             {.max_batch = std::min(options.batch_size, data_.training().size()),
              .seed = options.seed,
              .loss = method.loss,
              .regularizer = {.l2 = options.optimizer.l2},
              .kernels = &runtime_.kernels(),
              .profiler = profiler_.get()}),
      length_{.epochs = options.epochs,
              .epoch_steps = (data_.training().size() + model_.max_batch() - 1) / model_.max_batch()},
      schedule_(make_schedule(options.schedule, method.learning_rate, length_)),
      fit_options_{.epochs = options.epochs,
                   .augment = options.augment,
                   .seed = options.seed,
                   .validation = data_.validation(),
                   .schedule = schedule_.get(),
                   .description = describe(options, model_.network(), length_)},
      peak_(runtime_.kernels(), runtime_.executor()) {
  check_augment(options.augment, data_.images().image_shape());
}

void TrainingRun::open(const std::string& config) {
  if (options_.dry_run) {
    shorten();
  } else {
    folder_.emplace(open_folder(options_));
    if (!options_.resume.empty()) load_start();
    write_file_atomically(folder_->config(), config);
    files_.emplace(*folder_, options_.callbacks, fit_options_.start, method_.optimizer->steps(),
                   method_.steering.average());
  }
  if (talks()) print_start();
}

/// To an epoch of one batch, for --dry-run.
void TrainingRun::shorten() {
  if (!options_.output.empty()) RunFolder::check_is_free(options_.output);
  data_.keep_one_batch(model_.max_batch());
  fit_options_.validation = data_.validation();
  fit_options_.epochs = 1;
}

/// Puts the state that the run in the folder goes on from in place.
void TrainingRun::load_start() {
  start_ = load_checkpoint(folder_->checkpoint(), model_, *method_.optimizer, data_.training(), fit_options_);
  if (start_.progress.finished_epochs() > options_.epochs) {
    throw ArgumentError(fmt::format("--epochs {}: the run has finished {} already", options_.epochs,
                                    start_.progress.finished_epochs()));
  }
  fit_options_.start = &start_;
}

void TrainingRun::print_start() const {
  fmt::print("{}{} training, {} validation and {} test images from {}\n", model_.network().summary(),
             data_.training().size(), data_.validation() ? data_.validation()->size() : 0, data_.test().size(),
             options_.data.data_dir);
  if (fit_options_.start != nullptr) {
    const Progress& at = start_.progress;
    if (at.epoch > options_.epochs) {
      fmt::print("All {} epochs are done.\n", options_.epochs);
    } else {
      fmt::print("Resuming epoch {} after step {}.\n", at.epoch, at.step);
    }
  }
  std::fflush(stdout);
}

void TrainingRun::fit() {
  ProgressBar progress(verbosity_, fit_options_.epochs);
  EpochLog log(files_ ? &files_->epochs() : nullptr, peak_);
  stop_signal_.emplace();
  std::vector<Callback*> callbacks = method_.steering.list();
  callbacks.insert(callbacks.end(), {&progress, &log, &*stop_signal_});
  if (files_) files_->append_to(callbacks);
  FitOptions options = fit_options_;
  options.callbacks = callbacks;
  history_ = tilewise::fit(model_, *method_.optimizer, data_.training(), options);
  interrupted_ = history_.stopped && stop_signal_->received() != 0;
  progress.finish_line();
  if (talks() && history_.stopped) print_stop();
}

/// Why training stopped before its last epoch: a signal, or a callback.
void TrainingRun::print_stop() const {
  if (!interrupted_) {
    fmt::print("{}\n", method_.steering.reason());
    return;
  }
  fmt::print("Stopped by a signal.\n");
  if (folder_) fmt::print("To go on: tilewise train --resume {}\n", folder_->path().string());
}

void TrainingRun::finish() {
  RunReport results = report();
  if (!interrupted_) results.test = evaluate(model_, data_.test());
  if (results.test && !std::isfinite(results.test->loss)) throw_diverged("after the last epoch", "test loss");
  if (folder_) write(results);
  if (talks()) print(results);
  if (options_.profile) {
    fmt::print("{}", ProfileReport{*profiler_, runtime_.kernels().isa, peak_.median()}.table());
  }
  if (!options_.trace.empty()) write_and_announce_trace(options_.trace, *profiler_, talks());
}

RunReport TrainingRun::report() const {
  return {.runtime = runtime_.description(),
          .options = options_,
          .threads = runtime_.threads(),
          .learning_rate = method_.learning_rate,
          .finished_epochs =
              static_cast<std::size_t>(start_.progress.finished_epochs()) + history_.epochs.size(),
          .images_per_second = training_speed(history_),
          .flops_per_image = model_.network().training_flops(),
          .fma_peak_flops = peak_.median()};
}

void TrainingRun::write(const RunReport& report) const {
  save_weights(folder_->weights(), model_);
  // One that had nothing left to train keeps the report of the training.
  const bool trained = interrupted_ || !history_.epochs.empty();
  if (trained || !std::filesystem::exists(folder_->report())) write_report(folder_->report(), report);
}

void TrainingRun::print(const RunReport& report) const {
  if (!history_.epochs.empty()) fmt::print("{}\n", report.speed_line());
  if (folder_) fmt::print("Wrote {} and {}\n", folder_->weights().string(), folder_->log().string());
  if (report.test) {
    fmt::print("Test accuracy: {:.4f} - test loss: {:.4f}\n", report.test->accuracy, report.test->loss);
  }
}

int TrainingRun::exit_status() const {
  return stop_signal_->received() != 0 ? kExitSignalBase + stop_signal_->received() : kExitSuccess;
}

}  // namespace

int run_training(const TrainOptions& options, const std::string& config) {
  check(options);
  Method method(options);
  if (!options.trace.empty()) check_can_write(options.trace);
  Runtime runtime(options.threads);
  if (verbosity(options) != Verbosity::silent) {
    fmt::print("{}\n", runtime.description());
    std::fflush(stdout);
  }
  TrainingRun run(options, method, runtime);
  run.open(config);
  run.fit();
  run.finish();
  return run.exit_status();
}

}  // namespace tilewise::app
