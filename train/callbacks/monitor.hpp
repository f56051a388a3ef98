#pragma once

#include <optional>
#include <string>

#include "tilewise/train/history.hpp"
#include "tilewise/train/training.hpp"

namespace tilewise {

/// Whether small values of a metric are good, or large ones. As in Keras, automatic means large ones if the
/// metric's name contains "acc".
enum class MonitorMode { automatic, min, max };

/// A metric of an epoch, and what counts as better.
class Monitor {
 public:
  /// `metric` is "loss", "accuracy", "val_loss" or "val_accuracy". Throws ArgumentError for another.
  explicit Monitor(std::string metric, MonitorMode mode = MonitorMode::automatic);

  const std::string& metric() const { return metric_; }

  /// Throws ArgumentError, in the name of `who`, when the training will have no such metric.
  void check(const Training& training, const std::string& who) const;

  /// Throws ArgumentError when the epoch has no such metric.
  double value(const EpochRecord& record) const;

  /// Whether `value` is better than `reference` by more than `min_delta`; anything is better than nothing.
  bool improves(double value, std::optional<double> reference, double min_delta = 0) const;

  /// Whether `value` is `target` or better.
  bool reaches(double value, double target) const;

 private:
  std::string metric_;
  bool wants_large_;
};

}  // namespace tilewise
