#include "tilewise/train/fit.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <span>
#include <string>

#include "tilewise/core/error.hpp"
#include "tilewise/core/random.hpp"
#include "tilewise/layers/profile_scope.hpp"
#include "tilewise/train/batch_reader.hpp"
#include "tilewise/train/divergence.hpp"

namespace tilewise {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::int64_t resolve(const Model& model, std::optional<std::int64_t> batch_size) {
  return batch_size.value_or(model.max_batch());
}

void check(const Model& model, const DatasetView& data, std::int64_t batch_size) {
  if (data.image_shape() != model.network().input_shape()) {
    throw ArgumentError("images of shape " + data.image_shape().to_string() +
                        ", but the network takes " + model.network().input_shape().to_string());
  }
  if (data.classes() > model.classes()) {
    throw ArgumentError("data of " + std::to_string(data.classes()) +
                        " classes, but the network has " + std::to_string(model.classes()));
  }
  if (data.size() == 0) throw ArgumentError("no samples to work on");
  if (batch_size < 1 || batch_size > model.max_batch()) {
    throw ArgumentError("batch size " + std::to_string(batch_size) + ": the model takes 1 to " +
                        std::to_string(model.max_batch()));
  }
}

/// Tells callbacks of the beginning and, whatever happens, of the end of a validation.
class TestScope {
 public:
  explicit TestScope(std::span<Callback* const> callbacks) : callbacks_(callbacks) {
    for (Callback* callback : callbacks_) callback->on_test_begin();
  }
  ~TestScope() {
    for (Callback* callback : callbacks_) callback->on_test_end();
  }
  TestScope(const TestScope&) = delete;
  TestScope& operator=(const TestScope&) = delete;

 private:
  std::span<Callback* const> callbacks_;
};

/// One call of fit().
class Fit {
 public:
  Fit(Model& model, Optimizer& optimizer, const DatasetView& train, const FitOptions& options)
      : training_{model, optimizer, train, options},
        reader_(train, resolve(model, options.batch_size), options.augment, options.seed) {}

  History run() {
    begin();
    stops_ = should_stop();
    History history;
    while (at_.epoch <= options_.epochs && !stops_) {
      if (at_.step == 0) call(&Callback::on_epoch_begin, at_.epoch);
      if (!train_epoch()) break;
      history.epochs.push_back(finish_epoch());
    }
    history.stopped = stops_;
    call(&Callback::on_train_end);
    return history;
  }

 private:
  void begin() {
    call(&Callback::on_train_begin, training_);
    if (options_.start == nullptr) return;
    const Progress& start = options_.start->progress;
    if (start.epoch < 1 || start.step < 0 || start.step > reader_.batches()) {
      throw ArgumentError("cannot start at epoch " + std::to_string(start.epoch) + " after step " +
                          std::to_string(start.step) + " of " + std::to_string(reader_.batches()));
    }
    if (start.step > 0 && start.epoch <= options_.epochs) {
      call(&Callback::on_epoch_begin, start.epoch);
    }
    training_.restore(*options_.start);
  }

  /// Returns whether the epoch came to its end.
  bool train_epoch() {
    const ProfileRun run(model_.profiler());
    if (options_.shuffle) {
      const ProfileScope scope(model_.profiler(), {.activity = Profiler::kShuffle});
      reader_.shuffle({.seed = options_.seed,
                       .purpose = RandomPurpose::shuffle,
                       .step = static_cast<std::uint32_t>(at_.epoch)});
    }
    reader_.set_epoch(static_cast<std::uint32_t>(at_.epoch));
    const double seconds_before = at_.seconds;
    const auto start = Clock::now();
    auto timed_from = start;
    const std::int64_t steps = reader_.batches();
    for (std::int64_t done = 1; at_.step < steps; ++done) {
      StepRecord record = train_step();
      at_.seconds = seconds_before + seconds_since(start);
      // The first step meets cold caches and sleeping threads: leave it out of the mean, as Keras.
      const auto timed_steps = static_cast<double>(std::max<std::int64_t>(1, done - 1));
      record.step_seconds = seconds_since(timed_from) / timed_steps;
      if (done == 1) timed_from = Clock::now();
      call(&Callback::on_step_end, record);
      stops_ = at_.step < steps && should_stop();
      call(&Callback::on_save_point, SavePoint{.last = stops_});
      if (stops_) return false;
    }
    return true;
  }

  StepRecord train_step() {
    if (options_.schedule != nullptr) {
      optimizer_.set_learning_rate(at_.learning_rate_scale *
                                   options_.schedule->learning_rate(optimizer_.steps()));
    }
    const auto labels = reader_.load(model_, at_.step);
    const auto images = static_cast<std::int64_t>(labels.size());
    const BatchResult result = model_.train_batch(labels, optimizer_);
    ++at_.step;
    if (const auto what = model_.first_non_finite()) {
      throw_diverged("at epoch " + std::to_string(at_.epoch) + ", step " + std::to_string(at_.step), *what);
    }
    at_.sum.add(result, images);
    MetricsSum batch;
    batch.add(result, images);
    return {.epoch = at_.epoch,
            .step = at_.step,
            .steps = reader_.batches(),
            .global_step = optimizer_.steps(),
            .batch = batch.mean(),
            .metrics = at_.sum.mean(),
            .learning_rate = optimizer_.learning_rate()};
  }

  /// Validates, tells the callbacks, and moves on to the next epoch.
  EpochRecord finish_epoch() {
    const Metrics metrics = at_.sum.mean();
    EpochRecord record{.epoch = at_.epoch,
                       .accuracy = metrics.accuracy,
                       .loss = metrics.loss,
                       .learning_rate = optimizer_.learning_rate(),
                       .images_per_second = static_cast<double>(training_.data.size()) / at_.seconds};
    check_finite(model_, "after epoch " + std::to_string(at_.epoch));
    const auto start = Clock::now();
    if (options_.validation) validate(record);
    record.seconds = at_.seconds + seconds_since(start);
    call(&Callback::on_epoch_end, record);
    at_ = {.epoch = at_.epoch + 1, .learning_rate_scale = at_.learning_rate_scale};
    stops_ = should_stop();
    call(&Callback::on_save_point,
         SavePoint{.epoch_end = true, .last = stops_ || at_.epoch > options_.epochs});
    return record;
  }

  void validate(EpochRecord& record) {
    const TestScope scope(options_.callbacks);
    const Metrics validation = evaluate(model_, *options_.validation, options_.batch_size);
    if (!std::isfinite(validation.loss)) {
      throw_diverged("after epoch " + std::to_string(record.epoch), "validation loss");
    }
    record.val_accuracy = validation.accuracy;
    record.val_loss = validation.loss;
  }

  /// Calls `event` of every callback.
  template <class... Parameters, class... Arguments>
  void call(void (Callback::*event)(Parameters...), Arguments&&... arguments) {
    for (Callback* callback : options_.callbacks) (callback->*event)(arguments...);
  }

  bool should_stop() const {
    return std::any_of(options_.callbacks.begin(), options_.callbacks.end(),
                       [](const Callback* callback) { return callback->should_stop(); });
  }

  Training training_;
  BatchReader reader_;
  Model& model_ = training_.model;
  Optimizer& optimizer_ = training_.optimizer;
  const FitOptions& options_ = training_.options;
  Progress& at_ = training_.progress;
  bool stops_ = false;  ///< asked once after each step, for a signal may come at any time
};

}  // namespace

History fit(Model& model, Optimizer& optimizer, const DatasetView& train,
            const FitOptions& options) {
  if (options.epochs < 0) {
    throw ArgumentError("epochs " + std::to_string(options.epochs) + " is negative");
  }
  const std::int64_t batch_size = resolve(model, options.batch_size);
  check(model, train, batch_size);
  if (options.validation) check(model, *options.validation, batch_size);
  return Fit(model, optimizer, train, options).run();
}

Metrics evaluate(Model& model, const DatasetView& data, std::optional<std::int64_t> batch_size) {
  const std::int64_t size = resolve(model, batch_size);
  check(model, data, size);
  BatchReader reader(data, size);
  MetricsSum sum;
  for (std::int64_t batch = 0; batch < reader.batches(); ++batch) {
    const auto labels = reader.load(model, batch);
    sum.add(model.evaluate_batch(labels), static_cast<std::int64_t>(labels.size()));
  }
  return sum.mean();
}

}  // namespace tilewise
