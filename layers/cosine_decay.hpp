#pragma once

#include <cstdint>
#include <optional>

#include "tilewise/layers/schedule.hpp"

namespace tilewise {

struct CosineDecayOptions {
  double initial_learning_rate = 0;
  std::int64_t decay_steps = 0;  ///< after the warm-up
  double alpha = 0;              ///< the last rate, as a share of the largest
  std::optional<double> warmup_target = {};  ///< no warm-up without one
  std::int64_t warmup_steps = 0;
};

/// Half a cosine, after a linear warm-up if there is a warmup_target:
///
///   step < warmup_steps: initial + (warmup_target - initial) * step / warmup_steps
///   after that: top * ((1 - alpha) * (1 + cos(pi * t / decay_steps)) / 2 + alpha)
///
/// with t the steps since the warm-up, at most decay_steps, and top the warmup_target, or without one
/// the initial rate. Keras's CosineDecay, of I. Loshchilov, F. Hutter, "SGDR: stochastic gradient
/// descent with warm restarts", arXiv:1608.03983, equation 5, without restarts; warm-up of P. Goyal et
/// al., arXiv:1706.02677, section 2.2.
class CosineDecay final : public Schedule {
 public:
  /// Throws ArgumentError for a negative rate or number of steps, decay_steps below 1, or alpha outside
  /// [0, 1].
  explicit CosineDecay(const CosineDecayOptions& options);

  double learning_rate(std::int64_t step) const override;

 private:
  CosineDecayOptions options_;
};

}  // namespace tilewise
