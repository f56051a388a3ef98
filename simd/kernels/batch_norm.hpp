#pragma once

#include "tilewise/simd/kernel_table.hpp"
#include "tilewise/simd/kernels/vector.hpp"

namespace tilewise::simd {

/// Calls body<vectors>(first, last, c, width) for stripes of so many whole vectors of columns, then
/// body<1>(first, last, c, count) for the single vectors that are left: what belongs to a column stays in registers
/// while rows [first, last) pass by.
///
/// Those are all rows only where a row is one stripe, or half of one and so on, or two if there are many registers.
/// Otherwise they are a kilobyte of rows, or one row, so that memory is read from end to end: in pieces of a stripe it
/// comes at half its speed. Only rows of nearly a page do well `most` at a time.
template <class Arch, int NV, int most, class Body>
[[gnu::always_inline]] inline void for_each_stripe(std::int64_t rows, std::int64_t columns, Body body) {
  constexpr std::int64_t W = kWidth<Arch>, kFloats = 256, kPage = 960;
  constexpr int kWidest = kMostSums<Arch> == 16 ? 2 * NV : NV;
  const auto all_rows = [&]<int N>() { body.template operator()<N>(0, rows, 0, W); };
  if (as_whole_vectors<Arch, kWidest>(columns, all_rows)) return;
  const std::int64_t step = columns <= W ? rows : columns < kFloats ? kFloats / columns : columns < kPage ? 1 : most;
  for (std::int64_t first = 0, last; first < rows; first = last) {
    last = first + step < rows ? first + step : rows;
    std::int64_t done = 0;
    for (; done + NV * W <= columns; done += NV * W) body.template operator()<NV>(first, last, done, W);
    for_each_vector<Arch>(columns - done, [&](std::int64_t c, std::int64_t count) {
      body.template operator()<1>(first, last, done + c, count);
    });
  }
}

template <class Arch, int NV>
[[gnu::always_inline]] inline void load_stripe(const float* p, std::int64_t count, Vec<Arch> (&v)[NV]) {
  TILEWISE_UNROLL for (int i = 0; i < NV; ++i) v[i] = load_some<Arch>(p + i * kWidth<Arch>, count);
}
template <class Arch, int NV>
[[gnu::always_inline]] inline void store_stripe(float* p, std::int64_t count, const Vec<Arch> (&v)[NV]) {
  TILEWISE_UNROLL for (int i = 0; i < NV; ++i) store_some<Arch>(p + i * kWidth<Arch>, count, v[i]);
}

template <class Arch>
[[gnu::flatten]] void column_deviations(std::int64_t rows, std::int64_t columns, const float* src,
                                        const float* center, float* sums, float* squares) noexcept {
  for_each_stripe<Arch, 4, 8>(rows, columns, [=]<int NV>(std::int64_t first, std::int64_t last,
                                                        std::int64_t c, std::int64_t count) {
    Vec<Arch> middle[NV], sum[NV], square[NV];
    load_stripe<Arch, NV>(center + c, count, middle);
    load_stripe<Arch, NV>(sums + c, count, sum);
    load_stripe<Arch, NV>(squares + c, count, square);
    const float* x = src + first * columns + c;
    for (std::int64_t row = first; row < last; ++row, x += columns) {
      TILEWISE_UNROLL for (int v = 0; v < NV; ++v) {
        const Vec<Arch> off = load_some<Arch>(x + v * kWidth<Arch>, count) - middle[v];
        sum[v] += off;
        square[v] = madd<Arch>(off, off, square[v]);
      }
    }
    store_stripe<Arch, NV>(sums + c, count, sum);
    store_stripe<Arch, NV>(squares + c, count, square);
  });
}

template <class Arch>
[[gnu::flatten]] void scale_shift(std::int64_t rows, std::int64_t columns, const float* scale,
                                  const float* shift, const float* src, float* dst) noexcept {
  for_each_stripe<Arch, 4, 1>(rows, columns, [=]<int NV>(std::int64_t first, std::int64_t last,
                                                        std::int64_t c, std::int64_t count) {
    Vec<Arch> factor[NV], summand[NV];
    load_stripe<Arch, NV>(scale + c, count, factor);
    load_stripe<Arch, NV>(shift + c, count, summand);
    for (std::int64_t row = first; row < last; ++row) {
      TILEWISE_UNROLL for (int v = 0; v < NV; ++v) {
        const std::int64_t at = row * columns + c + v * kWidth<Arch>;
        store_some<Arch>(dst + at, count,
                         madd<Arch>(load_some<Arch>(src + at, count), factor[v], summand[v]));
      }
    }
  });
}

template <class Arch>
[[gnu::flatten]] void batch_norm_sums(std::int64_t rows, std::int64_t columns, const float* src,
                                      const float* center, const float* d_dst, float* sums,
                                      float* products) noexcept {
  for_each_stripe<Arch, 4, 8>(rows, columns, [=]<int NV>(std::int64_t first, std::int64_t last,
                                                        std::int64_t c, std::int64_t count) {
    Vec<Arch> middle[NV], sum[NV], product[NV];
    load_stripe<Arch, NV>(center + c, count, middle);
    load_stripe<Arch, NV>(sums + c, count, sum);
    load_stripe<Arch, NV>(products + c, count, product);
    for (std::int64_t row = first; row < last; ++row) {
      TILEWISE_UNROLL for (int v = 0; v < NV; ++v) {
        const std::int64_t at = row * columns + c + v * kWidth<Arch>;
        const Vec<Arch> d = load_some<Arch>(d_dst + at, count);
        sum[v] += d;
        product[v] = madd<Arch>(d, load_some<Arch>(src + at, count) - middle[v], product[v]);
      }
    }
    store_stripe<Arch, NV>(sums + c, count, sum);
    store_stripe<Arch, NV>(products + c, count, product);
  });
}

// Two vectors, for each has four factors.
template <class Arch>
[[gnu::flatten]] void batch_norm_backward(std::int64_t rows, std::int64_t columns,
                                          const BatchNormFactors& factors, const float* src,
                                          const float* d_dst, float* d_src) noexcept {
  for_each_stripe<Arch, 2, 1>(rows, columns, [&]<int NV>(std::int64_t first, std::int64_t last,
                                                        std::int64_t c, std::int64_t count) {
    Vec<Arch> middle[NV], scale[NV], slope[NV], offset[NV];
    load_stripe<Arch, NV>(factors.center + c, count, middle);
    load_stripe<Arch, NV>(factors.scale + c, count, scale);
    load_stripe<Arch, NV>(factors.slope + c, count, slope);
    load_stripe<Arch, NV>(factors.offset + c, count, offset);
    for (std::int64_t row = first; row < last; ++row) {
      TILEWISE_UNROLL for (int v = 0; v < NV; ++v) {
        const std::int64_t at = row * columns + c + v * kWidth<Arch>;
        const Vec<Arch> off = load_some<Arch>(src + at, count) - middle[v];
        const Vec<Arch> rest = madd<Arch>(off, slope[v], offset[v]);
        store_some<Arch>(d_src + at, count, madd<Arch>(load_some<Arch>(d_dst + at, count), scale[v], rest));
      }
    }
  });
}

}  // namespace tilewise::simd
