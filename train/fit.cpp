#include "tilewise/train/fit.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>

#include "tilewise/core/error.hpp"
#include "tilewise/core/random.hpp"
#include "tilewise/train/batch_reader.hpp"

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

[[noreturn]] void throw_diverged(const std::string& what, double value, const std::string& where) {
  throw DivergedError("training diverged: " + what + " is " +
                      (std::isnan(value) ? "not a number " : "infinite ") + where);
}

/// One call of fit().
class Fit {
 public:
  Fit(Model& model, Optimizer& optimizer, const DatasetView& train, const FitOptions& options)
      : model_(model),
        optimizer_(optimizer),
        train_(train),
        options_(options),
        reader_(train, resolve(model, options.batch_size)) {}

  History run() {
    History history;
    for (int epoch = 1; epoch <= options_.epochs && !should_stop(); ++epoch) {
      for (Callback* callback : options_.callbacks) callback->on_epoch_begin(epoch);
      const auto start = Clock::now();
      EpochRecord record{.epoch = epoch, .learning_rate = optimizer_.learning_rate()};
      if (!train_epoch(record)) break;
      record.images_per_second = static_cast<double>(train_.size()) / seconds_since(start);
      check_weights(epoch);
      if (options_.validation) {
        const Metrics validation = evaluate(model_, *options_.validation, options_.batch_size);
        if (!std::isfinite(validation.loss)) {
          throw_diverged("validation loss", validation.loss, "after epoch " + std::to_string(epoch));
        }
        record.val_accuracy = validation.accuracy;
        record.val_loss = validation.loss;
      }
      record.seconds = seconds_since(start);
      history.epochs.push_back(record);
      for (Callback* callback : options_.callbacks) callback->on_epoch_end(record);
    }
    history.stopped = should_stop();
    return history;
  }

 private:
  /// Returns whether the epoch came to its end.
  bool train_epoch(EpochRecord& record) {
    const ProfileRun run(model_.profiler());
    if (options_.shuffle) {
      const ProfileScope scope(model_.profiler(), {.activity = Profiler::kShuffle});
      reader_.shuffle({.seed = options_.seed,
                       .purpose = RandomPurpose::shuffle,
                       .step = static_cast<std::uint32_t>(record.epoch)});
    }
    MetricsSum sum;
    const std::int64_t steps = reader_.batches();
    auto timed_from = Clock::now();
    for (std::int64_t step = 1; step <= steps; ++step) {
      const auto labels = reader_.load(model_, step - 1);
      const BatchResult batch = model_.train_batch(labels, optimizer_);
      if (!std::isfinite(batch.loss_sum)) {
        throw_diverged("loss", batch.loss_sum, "at epoch " + std::to_string(record.epoch) +
                                                   ", step " + std::to_string(step));
      }
      sum.add(batch, static_cast<std::int64_t>(labels.size()));
      // The first step meets cold caches and sleeping threads: leave it out of the mean, as Keras.
      const auto timed_steps = static_cast<double>(std::max<std::int64_t>(1, step - 1));
      const StepRecord progress{.epoch = record.epoch,
                                .step = step,
                                .steps = steps,
                                .metrics = sum.mean(),
                                .step_seconds = seconds_since(timed_from) / timed_steps};
      if (step == 1) timed_from = Clock::now();
      for (Callback* callback : options_.callbacks) callback->on_step_end(progress);
      if (step < steps && should_stop()) return false;
    }
    record.accuracy = sum.mean().accuracy;
    record.loss = sum.mean().loss;
    return true;
  }

  /// The last step of an epoch can ruin what no loss has seen yet.
  void check_weights(int epoch) const {
    for (const Parameter& parameter : model_.parameters()) {
      for (std::int64_t i = 0; i < parameter.size(); ++i) {
        const auto weight = static_cast<double>(parameter.value()[i]);
        if (!std::isfinite(weight)) {
          throw_diverged(parameter.name(), weight, "after epoch " + std::to_string(epoch));
        }
      }
    }
  }

  bool should_stop() const {
    return std::any_of(options_.callbacks.begin(), options_.callbacks.end(),
                       [](const Callback* callback) { return callback->should_stop(); });
  }

  Model& model_;
  Optimizer& optimizer_;
  DatasetView train_;
  FitOptions options_;
  BatchReader reader_;
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
