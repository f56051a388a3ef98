#include "tilewise/train/callbacks/monitor.hpp"

#include <utility>

#include "tilewise/core/error.hpp"

namespace tilewise {

Monitor::Monitor(std::string metric, MonitorMode mode)
    : metric_(std::move(metric)),
      wants_large_(mode == MonitorMode::max ||
                   (mode == MonitorMode::automatic && metric_.find("acc") != std::string::npos)) {
  for (const char* known : {"loss", "accuracy", "val_loss", "val_accuracy"}) {
    if (metric_ == known) return;
  }
  throw ArgumentError("no metric \"" + metric_ +
                      "\", expected loss, accuracy, val_loss or val_accuracy");
}

void Monitor::check(const Training& training, const std::string& who) const {
  if (metric_.starts_with("val_") && !training.options.validation) {
    throw ArgumentError(who + ": there is no \"" + metric_ + "\" without validation data");
  }
}

double Monitor::value(const EpochRecord& record) const {
  if (metric_ == "loss") return record.loss;
  if (metric_ == "accuracy") return record.accuracy;
  const std::optional<double>& value =
      metric_ == "val_loss" ? record.val_loss : record.val_accuracy;
  if (!value) throw ArgumentError("an epoch without \"" + metric_ + "\"");
  return *value;
}

bool Monitor::improves(double value, std::optional<double> reference, double min_delta) const {
  if (!reference) return true;
  return wants_large_ ? value - min_delta > *reference : value + min_delta < *reference;
}

bool Monitor::reaches(double value, double target) const {
  return wants_large_ ? value >= target : value <= target;
}

}  // namespace tilewise
