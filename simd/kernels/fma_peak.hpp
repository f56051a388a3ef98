#pragma once

#include "tilewise/simd/kernel_table.hpp"
#include "tilewise/simd/kernels/vector.hpp"

namespace tilewise::simd {

template <class Arch>
[[gnu::flatten]] float fma_peak(std::int64_t iterations) noexcept {
  Vec<Arch> chains[kPeakChains];
  TILEWISE_UNROLL for (int i = 0; i < kPeakChains; ++i) chains[i] = Vec<Arch>(static_cast<float>(i));
  // x -> 0.75 x + 0.5 stays near 2: no denormals, no infinities.
  const Vec<Arch> factor(0.75F), term(0.5F);
  for (std::int64_t iteration = 0; iteration < iterations; ++iteration) {
    TILEWISE_UNROLL for (int i = 0; i < kPeakChains; ++i) {
      chains[i] = madd<Arch>(chains[i], factor, term);
    }
  }
  Vec<Arch> sum(0.0F);
  TILEWISE_UNROLL for (int i = 0; i < kPeakChains; ++i) sum += chains[i];
  return sum_lanes<Arch>(sum);
}

}  // namespace tilewise::simd
