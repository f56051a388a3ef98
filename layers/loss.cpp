#include "tilewise/layers/loss.hpp"

#include <algorithm>

namespace tilewise {

void Loss::evaluate(const simd::KernelTable& kernels, Executor& executor,
                    const simd::LossArgs& args) const {
  constexpr std::int64_t kRows = 16;
  const std::int64_t outputs = args.rows * args.columns;
  executor.parallel_for((args.rows + kRows - 1) / kRows,
                        nanoseconds_per_output() * static_cast<double>(outputs),
                        [&](std::int64_t chunk, int) {
                          const std::int64_t row = chunk * kRows;
                          const std::int64_t at = row * args.columns;
                          simd::LossArgs part = args;
                          part.rows = std::min(kRows, args.rows - row);
                          part.outputs += at;
                          if (part.labels != nullptr) part.labels += row;
                          if (part.targets != nullptr) part.targets += at;
                          part.gradient_scale = 1.0F / static_cast<float>(args.rows);
                          part.losses += row;
                          part.d_outputs += at;
                          evaluate_rows(kernels, part);
                        });
}

}  // namespace tilewise
