#pragma once

#include <algorithm>
#include <cstdint>

#include "tilewise/layers/model.hpp"

namespace tilewise {

/// Mean loss and share of right answers over some samples.
struct Metrics {
  double loss = 0;
  double accuracy = 0;
};

/// Running means over samples.
class MetricsSum {
 public:
  void add(const BatchResult& batch, std::int64_t images) {
    loss_ += batch.loss_sum;
    correct_ += batch.correct;
    images_ += images;
  }
  Metrics mean() const {
    const auto n = static_cast<double>(std::max<std::int64_t>(1, images_));
    return {.loss = loss_ / n, .accuracy = static_cast<double>(correct_) / n};
  }

 private:
  double loss_ = 0;
  std::int64_t correct_ = 0;
  std::int64_t images_ = 0;
};

}  // namespace tilewise
