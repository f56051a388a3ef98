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
struct MetricsSum {
  double loss = 0;
  std::int64_t correct = 0;
  std::int64_t images = 0;

  void add(const BatchResult& batch, std::int64_t batch_images) {
    loss += batch.loss_sum;
    correct += batch.correct;
    images += batch_images;
  }
  Metrics mean() const {
    const auto n = static_cast<double>(std::max<std::int64_t>(1, images));
    return {.loss = loss / n, .accuracy = static_cast<double>(correct) / n};
  }
};

}  // namespace tilewise
