#include "apps/peak_meter.hpp"

#include <algorithm>

#include "tilewise/simd/fma_peak.hpp"

namespace tilewise::app {

void PeakMeter::measure(int times) {
  for (int i = 0; i < times; ++i) {
    peaks_.push_back(simd::measure_fma_peak(kernels_, executor_));
  }
}

double PeakMeter::median() const {
  std::vector<double> sorted = peaks_;
  std::sort(sorted.begin(), sorted.end());
  return sorted[sorted.size() / 2];
}

}  // namespace tilewise::app
