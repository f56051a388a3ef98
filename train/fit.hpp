#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "tilewise/layers/model.hpp"
#include "tilewise/layers/optimizer.hpp"
#include "tilewise/train/dataset.hpp"
#include "tilewise/train/history.hpp"
#include "tilewise/train/metrics.hpp"

namespace tilewise {

/// Where training stands after a step.
struct StepRecord {
  int epoch = 0;              ///< from 1
  std::int64_t step = 0;      ///< in this epoch, from 1
  std::int64_t steps = 0;     ///< of this epoch
  Metrics metrics;            ///< of this epoch so far
  double step_seconds = 0;    ///< mean of this epoch's steps, without the first if there are more
};

/// Something to be told how training goes, and to stop it. Called on the thread that called fit().
class Callback {
 public:
  virtual ~Callback() = default;
  virtual void on_epoch_begin(int epoch) { static_cast<void>(epoch); }
  virtual void on_step_end(const StepRecord& record) { static_cast<void>(record); }
  virtual void on_epoch_end(const EpochRecord& record) { static_cast<void>(record); }
  /// Asked after each step and each epoch; true ends training there.
  virtual bool should_stop() const { return false; }
};

struct FitOptions {
  int epochs = 1;
  std::optional<std::int64_t> batch_size = std::nullopt;  ///< at most the model's max_batch, the default
  bool shuffle = true;  ///< a new order each epoch; which one depends on seed and epoch only
  std::uint64_t seed = 0;
  std::optional<DatasetView> validation = std::nullopt;
  std::span<Callback* const> callbacks = {};
};

struct History {
  std::vector<EpochRecord> epochs;  ///< those that were finished
  bool stopped = false;             ///< whether a callback ended training
};

/// Trains `model` on all of `train`, options.epochs times, in batches; the last batch of an epoch may
/// be smaller. Pixels are scaled from [0, 255] to [0, 1].
/// Throws ArgumentError when the data does not suit the model or an option is out of range,
/// DivergedError, naming epoch and step, when a loss or, at the end of an epoch, a weight is no longer
/// finite.
History fit(Model& model, Optimizer& optimizer, const DatasetView& train,
            const FitOptions& options = {});

/// Mean loss and accuracy over `data`, in batches of `batch_size`, by default the model's max_batch.
/// Throws as fit() does.
Metrics evaluate(Model& model, const DatasetView& data,
                 std::optional<std::int64_t> batch_size = std::nullopt);

}  // namespace tilewise
