#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tilewise/layers/model.hpp"
#include "tilewise/layers/optimizer.hpp"
#include "tilewise/train/callback.hpp"
#include "tilewise/train/dataset.hpp"
#include "tilewise/train/history.hpp"
#include "tilewise/train/metrics.hpp"
#include "tilewise/train/training.hpp"

namespace tilewise {

struct History {
  std::vector<EpochRecord> epochs;  ///< those that were finished, by this call of fit()
  bool stopped = false;             ///< whether a callback ended training
};

/// Trains `model` on all of `train` until options.epochs epochs are done, in batches; the last batch of an
/// epoch may be smaller. Pixels are scaled from [0, 255] to [0, 1].
///
/// A training that goes on from options.start ends in the very bits of one that was never interrupted.
///
/// Throws ArgumentError when the data does not suit the model or an option is out of range,
/// DivergedError, naming epoch, step, pass and layer, after the first step in which a loss, a gradient or a weight is
/// not finite, and what callbacks throw.
History fit(Model& model, Optimizer& optimizer, const DatasetView& train,
            const FitOptions& options = {});

/// Mean loss and accuracy over `data`, in batches of `batch_size`, by default the model's max_batch.
/// Throws as fit() does.
Metrics evaluate(Model& model, const DatasetView& data,
                 std::optional<std::int64_t> batch_size = std::nullopt);

}  // namespace tilewise
