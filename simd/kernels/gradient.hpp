#pragma once

#include <limits>

#include "tilewise/simd/kernels/vector.hpp"

namespace tilewise::simd {

template <class Arch>
void add_scaled(std::int64_t n, float factor, const float* src, float* dst) noexcept {
  const Vec<Arch> f(factor);
  for_each_vector<Arch>(n, [=](std::int64_t i, std::int64_t count) {
    store_some<Arch>(dst + i, count,
                     madd<Arch>(f, load_some<Arch>(src + i, count), load_some<Arch>(dst + i, count)));
  });
}

template <class Arch>
void scale_and_clip(std::int64_t n, float factor, float limit, const float* src,
                    float* dst) noexcept {
  const Vec<Arch> f(factor), most(limit), least(-limit);
  for_each_vector<Arch>(n, [=](std::int64_t i, std::int64_t count) {
    // NaN is passed on by maximum and minimum as their second operand: see relu().
    const Vec<Arch> value = f * load_some<Arch>(src + i, count);
    store_some<Arch>(dst + i, count, xsimd::min(most, xsimd::max(least, value)));
  });
}

// A plain loop: compilers turn floats into doubles in vectors, xsimd has no name for it. Squares of floats
// are exact in double and cannot overflow; sixteen sums hide the latency of an addition.
template <class Arch>
double sum_squares(std::int64_t n, const float* src) noexcept {
  constexpr std::int64_t kSums = 16;
  double sums[kSums] = {};
  std::int64_t i = 0;
  for (; i + kSums <= n; i += kSums) {
    for (std::int64_t j = 0; j < kSums; ++j) {
      const double value = src[i + j];
      sums[j] += value * value;
    }
  }
  for (; i < n; ++i) {
    const double value = src[i];
    sums[i % kSums] += value * value;
  }
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

template <class Arch>
bool all_finite(std::int64_t n, const float* src) noexcept {
  const Vec<Arch> largest(std::numeric_limits<float>::max());
  auto finite = largest == largest;
  for_each_vector<Arch>(n, [&](std::int64_t i, std::int64_t count) {
    finite = finite & (xsimd::abs(load_some<Arch>(src + i, count)) <= largest);  // false for NaN
  });
  return lane_bits<Arch>(finite) == lane_bits<Arch>(largest == largest);
}

}  // namespace tilewise::simd
