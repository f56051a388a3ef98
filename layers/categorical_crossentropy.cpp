#include "tilewise/layers/categorical_crossentropy.hpp"

#include <algorithm>

namespace tilewise {

void CategoricalCrossentropy::evaluate(const simd::KernelTable& kernels, Executor& executor,
                                       std::int64_t classes, const float* logits,
                                       std::span<const std::int32_t> labels, float* losses,
                                       float* d_logits) {
  constexpr std::int64_t kRows = 16;
  constexpr double kNanosecondsPerLogit = 3;  // mostly the exponential
  const auto rows = static_cast<std::int64_t>(labels.size());
  const float scale = 1.0F / static_cast<float>(rows);
  executor.parallel_for(
      (rows + kRows - 1) / kRows, kNanosecondsPerLogit * static_cast<double>(rows * classes),
      [&](std::int64_t chunk, int) {
        const std::int64_t first = chunk * kRows;
        const std::int64_t count = std::min(kRows, rows - first);
        kernels.softmax_cross_entropy(count, classes, logits + first * classes,
                                      labels.data() + first, scale, losses + first,
                                      d_logits + first * classes);
      });
}

}  // namespace tilewise
