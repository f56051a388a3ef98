#pragma once

#include <limits>

#include "tilewise/simd/kernels/windows.hpp"

namespace tilewise::simd {

// Places in a window are small integers: held as floats they share the vectors' width and masks.

// flatten: the bodies of these loops are large, and inlined they are compiled once for whole vectors
// and once for the rest.

/// Returns whether there may be a NaN in what was read; only if `mind_nan` is the result right then. Comparing
/// every value with itself costs a third of the time; a sum of all is NaN if one of them is.
template <class Arch, bool two_by_two, bool mind_nan>
[[gnu::flatten]] bool find_maxima(const MaxPoolGeometry& shared, const float* src, float* dst,
                                  std::int32_t* argmax) noexcept {
  const MaxPoolGeometry g = shared;  // its own, so that no store can change it
  const Vec<Arch> one(1.0F);
  const Vec<Arch> row_of_taps(static_cast<float>(two_by_two ? 2 : g.kw));
  Vec<Arch> sum(0.0F);
  for_each_window<Arch, two_by_two>(g, [&](std::int64_t o, WindowRange rows, WindowRange columns) {
    const float* corner = src + first_element<Arch>(g, rows, columns);
    const Vec<Arch> first_tap(static_cast<float>(rows.first * g.kw + columns.first));
    float* const maxima = dst + o * g.channels;
    std::int32_t* const places = argmax + o * g.channels;
    for_each_vector<Arch>(g.channels, [&](std::int64_t c, std::int64_t count) {
      Vec<Arch> best(-std::numeric_limits<float>::infinity());
      Vec<Arch> place = first_tap;
      Vec<Arch> row_tap = first_tap;
      Vec<Arch> window_sum(0.0F);
      const float* row = corner + c;
      for (std::int64_t i = rows.first; i < rows.last; ++i) {
        Vec<Arch> tap = row_tap;
        const float* p = row;
        for (std::int64_t j = columns.first; j < columns.last; ++j) {
          const Vec<Arch> value = load_some<Arch>(p, count);
          auto better = value > best;
          if constexpr (mind_nan) {
            better = better | is_nan<Arch>(value);
          } else {
            window_sum += value;
          }
          best = xsimd::select(better, value, best);
          place = xsimd::select(better, tap, place);
          tap += one;
          p += g.channels;
        }
        row_tap += row_of_taps;
        row += g.iw * g.channels;
      }
      if constexpr (!mind_nan) sum += window_sum;
      store_some<Arch>(maxima + c, count, best);
      store_some<Arch>(places + c, count, xsimd::to_int(place));
    });
  });
  return lane_bits<Arch>(is_nan<Arch>(sum)) != 0;
}

template <class Arch, bool two_by_two>
void find_maxima_of(const MaxPoolGeometry& g, const float* src, float* dst,
                    std::int32_t* argmax) noexcept {
  if (find_maxima<Arch, two_by_two, false>(g, src, dst, argmax)) {
    find_maxima<Arch, two_by_two, true>(g, src, dst, argmax);
  }
}

template <class Arch>
void max_pool_forward(const MaxPoolGeometry& g, const float* src, float* dst,
                      std::int32_t* argmax) noexcept {
  all_two_by_two<Arch>(g) ? find_maxima_of<Arch, true>(g, src, dst, argmax)
                          : find_maxima_of<Arch, false>(g, src, dst, argmax);
}

/// d_src at each place of each window: stored, or added where windows overlap.
template <class Arch, bool overlap, bool two_by_two>
[[gnu::flatten]] void scatter_windows(const MaxPoolGeometry& shared, const float* d_dst,
                                      const std::int32_t* argmax, float* d_src) noexcept {
  const MaxPoolGeometry g = shared;
  const Vec<Arch> zero(0.0F), one(1.0F);
  const Vec<Arch> row_of_taps(static_cast<float>(two_by_two ? 2 : g.kw));
  for_each_window<Arch, two_by_two>(g, [&](std::int64_t o, WindowRange rows, WindowRange columns) {
    float* corner = d_src + first_element<Arch>(g, rows, columns);
    const Vec<Arch> first_tap(static_cast<float>(rows.first * g.kw + columns.first));
    for_each_vector<Arch>(g.channels, [&](std::int64_t c, std::int64_t count) {
      const Vec<Arch> gradient = load_some<Arch>(d_dst + o * g.channels + c, count);
      const Vec<Arch> place = xsimd::to_float(load_some<Arch>(argmax + o * g.channels + c, count));
      Vec<Arch> row_tap = first_tap;
      float* row = corner + c;
      for (std::int64_t i = rows.first; i < rows.last; ++i) {
        Vec<Arch> tap = row_tap;
        float* p = row;
        for (std::int64_t j = columns.first; j < columns.last; ++j) {
          Vec<Arch> value = xsimd::select(place == tap, gradient, zero);
          if constexpr (overlap) value += load_some<Arch>(p, count);
          store_some<Arch>(p, count, value);
          tap += one;
          p += g.channels;
        }
        row_tap += row_of_taps;
        row += g.iw * g.channels;
      }
    });
  });
}

template <class Arch>
void max_pool_backward(const MaxPoolGeometry& g, const float* d_dst, const std::int32_t* argmax,
                       float* d_src) noexcept {
  clear_unless_tiled<Arch>(g, d_src);
  if (windows_overlap<Arch>(g)) {
    scatter_windows<Arch, true, false>(g, d_dst, argmax, d_src);
  } else if (all_two_by_two<Arch>(g)) {
    scatter_windows<Arch, false, true>(g, d_dst, argmax, d_src);
  } else {
    scatter_windows<Arch, false, false>(g, d_dst, argmax, d_src);
  }
}

}  // namespace tilewise::simd
