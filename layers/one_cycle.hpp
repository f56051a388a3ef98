#pragma once

#include <cstdint>

#include "tilewise/layers/schedule.hpp"

namespace tilewise {

struct OneCycleOptions {
  double max_learning_rate = 0;
  std::int64_t total_steps = 0;
  double pct_start = 0.3;  ///< the share of the steps in which the rate rises
  double div_factor = 25;
  double final_div_factor = 1e4;
};

/// One cycle: half a cosine up from max / div_factor to max, and half a cosine down to max / div_factor
/// / final_div_factor, where it stays. The rate is largest at step pct_start * total_steps - 1, smallest
/// at total_steps - 1; from a to b in between
///
///   b + (a - b) / 2 * (1 + cos(pi * the share of the way))
///
/// PyTorch's OneCycleLR with anneal_strategy="cos", without its cycle of the momentum. L. Smith, N. Topin,
/// "Super-convergence", arXiv:1708.07120.
class OneCycle final : public Schedule {
 public:
  /// Throws ArgumentError unless the rate is at least 0, total_steps at least 1, pct_start in [0, 1] and
  /// the factors positive.
  explicit OneCycle(const OneCycleOptions& options);

  double learning_rate(std::int64_t step) const override;

 private:
  OneCycleOptions options_;
};

}  // namespace tilewise
