#include "tilewise/simd/partial_sums.hpp"

#include <algorithm>

#include "tilewise/simd/blocking.hpp"

namespace tilewise::simd {

void PartialSums::clear(std::int64_t i, std::int64_t first, std::int64_t end, std::int64_t columns) const {
  for (float* row = (*this)[i]; row < (*this)[i] + size_; row += columns) std::fill(row + first, row + end, 0.0F);
}

void PartialSums::add_up(Executor& executor, const KernelTable& kernels) const {
  if (count_ == 1) return;
  constexpr std::int64_t kPiece = 16 * 1024;
  constexpr double kNanoseconds = 0.2;
  const double floats = static_cast<double>(size_ * count_);
  executor.parallel_for(ceil_div(size_, kPiece), kNanoseconds * floats, [&](std::int64_t piece, int) {
    const std::int64_t first = piece * kPiece, n = std::min(kPiece, size_ - first);
    for (std::int64_t i = 1; i < count_; ++i) kernels.add(n, (*this)[i] + first, d_wei_ + first);
  });
}

}  // namespace tilewise::simd
