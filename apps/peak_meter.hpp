#pragma once

#include <vector>

#include "tilewise/core/parallel.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::app {

/// Measures the FMA peak of an executor's threads, again and again: a shared machine changes its speed.
class PeakMeter {
 public:
  PeakMeter(const simd::KernelTable& kernels, Executor& executor)
      : kernels_(kernels), executor_(executor) {}

  void measure(int times = 1);

  /// Median of the measurements, floating-point operations a second.
  double median() const;

 private:
  const simd::KernelTable& kernels_;
  Executor& executor_;
  std::vector<double> peaks_;
};

}  // namespace tilewise::app
