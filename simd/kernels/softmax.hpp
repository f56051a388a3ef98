#pragma once

#include <limits>

#include "tilewise/simd/kernels/vector.hpp"

namespace tilewise::simd {

template <class Arch>
inline float row_maximum(std::int64_t classes, const float* row) {
  constexpr float kLowest = -std::numeric_limits<float>::infinity();
  Vec<Arch> best(kLowest);
  for_each_vector<Arch>(classes, [&](std::int64_t i, std::int64_t count) {
    best = xsimd::max(best, load_some<Arch>(row + i, count, kLowest));
  });
  return max_lanes<Arch>(best);
}

/// dst = exp(row - shift); returns their sum. `row` and `dst` may be the same.
template <class Arch>
inline float exponentials(std::int64_t classes, const float* row, float shift, float* dst) {
  constexpr float kLowest = -std::numeric_limits<float>::infinity();
  const Vec<Arch> offset(shift);
  Vec<Arch> sum(0.0F);
  for_each_vector<Arch>(classes, [&](std::int64_t i, std::int64_t count) {
    const Vec<Arch> e = xsimd::exp(load_some<Arch>(row + i, count, kLowest) - offset);
    store_some<Arch>(dst + i, count, e);
    sum += e;
  });
  return sum_lanes<Arch>(sum);
}

template <class Arch>
inline void scale_row(std::int64_t n, float factor, float* row) {
  const Vec<Arch> f(factor);
  for_each_vector<Arch>(n, [=](std::int64_t i, std::int64_t count) {
    store_some<Arch>(row + i, count, f * load_some<Arch>(row + i, count));
  });
}

template <class Arch>
void softmax(std::int64_t rows, std::int64_t classes, const float* src, float* dst) noexcept {
  for (std::int64_t row = 0; row < rows; ++row, src += classes, dst += classes) {
    const float sum = exponentials<Arch>(classes, src, row_maximum<Arch>(classes, src), dst);
    scale_row<Arch>(classes, 1.0F / sum, dst);
  }
}

template <class Arch>
void softmax_backward(std::int64_t rows, std::int64_t classes, const float* dst, const float* d_dst,
                      float* d_src) noexcept {
  for (std::int64_t row = 0; row < rows; ++row) {
    Vec<Arch> products(0.0F);
    for_each_vector<Arch>(classes, [&](std::int64_t i, std::int64_t count) {
      products = madd<Arch>(load_some<Arch>(dst + i, count), load_some<Arch>(d_dst + i, count),
                            products);
    });
    const Vec<Arch> dot(sum_lanes<Arch>(products));
    for_each_vector<Arch>(classes, [&](std::int64_t i, std::int64_t count) {
      store_some<Arch>(d_src + i, count,
                       load_some<Arch>(dst + i, count) * (load_some<Arch>(d_dst + i, count) - dot));
    });
    dst += classes;
    d_dst += classes;
    d_src += classes;
  }
}

}  // namespace tilewise::simd
