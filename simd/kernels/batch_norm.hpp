#pragma once

#include "tilewise/simd/kernel_table.hpp"
#include "tilewise/simd/kernels/vector.hpp"

namespace tilewise::simd {

/// So many rows, each `step` after the one before.
struct RowRun {
  std::int64_t first, count, step;
};

/// Cuts the rows into runs, and calls for each body<vectors>(run, c, width) for stripes of so many whole vectors of
/// columns, then body<1>(run, c, count) for the single vectors that are left: what belongs to a column stays in
/// registers while the rows of a run pass by.
///
/// Where a row is one stripe of NV vectors, or half of one and so on, or two if there are 32 registers, one run has all
/// rows; so it has where a row is no longer than a vector. Otherwise memory is to be read from end to end:
///   - Of short rows a run has 2 KB, or 1 KB if `most` is 1.
///   - Of longer ones it has `most`, about a page apart; the rows between are those of the runs that follow. So each
///     row is fetched ahead, for the prefetcher follows one stream a page: as many rows in one page would take up to
///     three times as long. Rows of nearly a page or more are taken as they follow each other.
template <class Arch, int NV, int most, class Body>
[[gnu::always_inline]] inline void for_each_stripe(std::int64_t rows, std::int64_t columns, Body body) {
  constexpr std::int64_t W = kWidth<Arch>, kPage = 960;  // nearly a page, of 1024 floats: far enough apart
  constexpr std::int64_t kShortColumns = most == 1 ? 128 : 64, kShortRun = most == 1 ? 256 : 512;  // floats
  constexpr int kWidest = kMostSums<Arch> == 16 ? 2 * NV : NV;
  const auto all_rows = [&]<int N>() { body.template operator()<N>(RowRun{0, rows, 1}, 0, W); };
  if (as_whole_vectors<Arch, kWidest>(columns, all_rows)) return;
  const bool is_short = columns <= kShortColumns;
  const std::int64_t count = columns <= W ? rows : is_short ? kShortRun / columns : most;
  std::int64_t apart = is_short || most == 1 || columns >= kPage ? 1 : (kPage - 1) / columns + 1;
  if (apart > 1 && apart * columns % 1024 == 0) ++apart;  // whole pages: their lines want the same place in L1
  for (std::int64_t first = 0, next; first < rows; first = next) {
    // The rows between are the next runs'. What is left at the end is taken in order.
    const bool whole = first + count * apart <= rows;
    const std::int64_t runs = whole ? apart : 1, length = rows - first < count ? rows - first : count;
    next = first + (whole ? count * apart : length);
    for (std::int64_t i = 0; i < runs; ++i) {
      const RowRun run{first + i, length, runs};
      std::int64_t done = 0;
      for (; done + NV * W <= columns; done += NV * W) body.template operator()<NV>(run, done, W);
      for_each_vector<Arch>(columns - done, [&](std::int64_t c, std::int64_t lanes) {
        body.template operator()<1>(run, done + c, lanes);
      });
    }
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
  for_each_stripe<Arch, 4, 8>(rows, columns, [=]<int NV>(const RowRun& run, std::int64_t c, std::int64_t count) {
    Vec<Arch> middle[NV], sum[NV], square[NV];
    load_stripe<Arch, NV>(center + c, count, middle);
    load_stripe<Arch, NV>(sums + c, count, sum);
    load_stripe<Arch, NV>(squares + c, count, square);
    const float* x = src + run.first * columns + c;
    for (std::int64_t i = 0; i < run.count; ++i, x += run.step * columns) {
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
  for_each_stripe<Arch, 4, 1>(rows, columns, [=]<int NV>(const RowRun& run, std::int64_t c, std::int64_t count) {
    Vec<Arch> factor[NV], summand[NV];
    load_stripe<Arch, NV>(scale + c, count, factor);
    load_stripe<Arch, NV>(shift + c, count, summand);
    for (std::int64_t i = 0; i < run.count; ++i) {
      const std::int64_t row = run.first + i * run.step;
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
  for_each_stripe<Arch, 4, 8>(rows, columns, [=]<int NV>(const RowRun& run, std::int64_t c, std::int64_t count) {
    Vec<Arch> middle[NV], sum[NV], product[NV];
    load_stripe<Arch, NV>(center + c, count, middle);
    load_stripe<Arch, NV>(sums + c, count, sum);
    load_stripe<Arch, NV>(products + c, count, product);
    for (std::int64_t i = 0; i < run.count; ++i) {
      const std::int64_t row = run.first + i * run.step;
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
  for_each_stripe<Arch, 2, 1>(rows, columns, [&]<int NV>(const RowRun& run, std::int64_t c, std::int64_t count) {
    Vec<Arch> middle[NV], scale[NV], slope[NV], offset[NV];
    load_stripe<Arch, NV>(factors.center + c, count, middle);
    load_stripe<Arch, NV>(factors.scale + c, count, scale);
    load_stripe<Arch, NV>(factors.slope + c, count, slope);
    load_stripe<Arch, NV>(factors.offset + c, count, offset);
    for (std::int64_t i = 0; i < run.count; ++i) {
      const std::int64_t row = run.first + i * run.step;
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
