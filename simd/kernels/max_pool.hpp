#pragma once

#include <limits>

#include "tilewise/simd/kernel_table.hpp"
#include "tilewise/simd/kernels/vector.hpp"

namespace tilewise::simd {

/// The part of a window that lies inside the image: taps [first, last) along one axis.
struct WindowRange {
  std::int64_t origin, first, last;
};

/// A template only so that each instruction set gets a copy of its own.
template <class Arch>
WindowRange window_range(std::int64_t o, std::int64_t stride, std::int64_t pad, std::int64_t kernel,
                         std::int64_t extent) {
  const std::int64_t origin = o * stride - pad;
  const std::int64_t first = origin < 0 ? -origin : 0;
  const std::int64_t last = origin + kernel > extent ? extent - origin : kernel;
  return {origin, first, last};
}

/// Whether all windows are 2x2 and within the image: the common case, for which loops over a window are
/// compiled apart, and unrolled.
template <class Arch>
bool all_two_by_two(const MaxPoolGeometry& g) {
  return g.kh == 2 && g.kw == 2 && g.pad_top == 0 && g.pad_left == 0 &&
         (g.oh - 1) * g.stride_h + 2 <= g.ih && (g.ow - 1) * g.stride_w + 2 <= g.iw;
}

/// Calls body(o, rows, columns) for each window; o is its place in the output.
template <class Arch, bool two_by_two, class Body>
inline void for_each_window(const MaxPoolGeometry& g, Body body) {
  for (std::int64_t oh = 0; oh < g.oh; ++oh) {
    if constexpr (two_by_two) {
      const WindowRange rows{oh * g.stride_h, 0, 2};
      for (std::int64_t ow = 0; ow < g.ow; ++ow) {
        body(oh * g.ow + ow, rows, WindowRange{ow * g.stride_w, 0, 2});
      }
    } else {
      const auto rows = window_range<Arch>(oh, g.stride_h, g.pad_top, g.kh, g.ih);
      for (std::int64_t ow = 0; ow < g.ow; ++ow) {
        body(oh * g.ow + ow, rows, window_range<Arch>(ow, g.stride_w, g.pad_left, g.kw, g.iw));
      }
    }
  }
}

// Places in a window are small integers: held as floats they share the vectors' width and masks.

// flatten: the bodies of these loops are large, and inlined they are compiled once for whole vectors
// and once for the rest.
template <class Arch, bool two_by_two>
[[gnu::flatten]] void find_maxima(const MaxPoolGeometry& g, const float* src, float* dst,
                                  std::int32_t* argmax) noexcept {
  const Vec<Arch> one(1.0F);
  const Vec<Arch> row_of_taps(static_cast<float>(two_by_two ? 2 : g.kw));
  for_each_window<Arch, two_by_two>(g, [&](std::int64_t o, WindowRange rows, WindowRange columns) {
    const float* corner =
        src + ((rows.origin + rows.first) * g.iw + columns.origin + columns.first) * g.channels;
    const Vec<Arch> first_tap(static_cast<float>(rows.first * g.kw + columns.first));
    for_each_vector<Arch>(g.channels, [&](std::int64_t c, std::int64_t count) {
      Vec<Arch> best(-std::numeric_limits<float>::infinity());
      Vec<Arch> place = first_tap;
      Vec<Arch> row_tap = first_tap;
      const float* row = corner + c;
      for (std::int64_t i = rows.first; i < rows.last; ++i) {
        Vec<Arch> tap = row_tap;
        const float* p = row;
        for (std::int64_t j = columns.first; j < columns.last; ++j) {
          const Vec<Arch> value = load_some<Arch>(p, count);
          const auto better = (value > best) | is_nan<Arch>(value);
          best = xsimd::select(better, value, best);
          place = xsimd::select(better, tap, place);
          tap += one;
          p += g.channels;
        }
        row_tap += row_of_taps;
        row += g.iw * g.channels;
      }
      store_some<Arch>(dst + o * g.channels + c, count, best);
      store_some<Arch>(argmax + o * g.channels + c, count, xsimd::to_int(place));
    });
  });
}

template <class Arch>
void max_pool_forward(const MaxPoolGeometry& g, const float* src, float* dst,
                      std::int32_t* argmax) noexcept {
  all_two_by_two<Arch>(g) ? find_maxima<Arch, true>(g, src, dst, argmax)
                          : find_maxima<Arch, false>(g, src, dst, argmax);
}

/// d_src at each place of each window: stored, or added where windows overlap.
template <class Arch, bool overlap, bool two_by_two>
[[gnu::flatten]] void scatter_windows(const MaxPoolGeometry& g, const float* d_dst,
                                      const std::int32_t* argmax, float* d_src) noexcept {
  const Vec<Arch> zero(0.0F), one(1.0F);
  const Vec<Arch> row_of_taps(static_cast<float>(two_by_two ? 2 : g.kw));
  for_each_window<Arch, two_by_two>(g, [&](std::int64_t o, WindowRange rows, WindowRange columns) {
    float* corner =
        d_src + ((rows.origin + rows.first) * g.iw + columns.origin + columns.first) * g.channels;
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
  const bool overlap = g.stride_h < g.kh || g.stride_w < g.kw;
  const bool tiled = g.stride_h == g.kh && g.stride_w == g.kw && g.pad_top == 0 &&
                     g.pad_left == 0 && g.oh * g.kh >= g.ih && g.ow * g.kw >= g.iw;
  if (!tiled) {  // some elements are in no window, or in several
    std::memset(d_src, 0, static_cast<std::size_t>(g.ih * g.iw * g.channels) * sizeof(float));
  }
  if (overlap) {
    scatter_windows<Arch, true, false>(g, d_dst, argmax, d_src);
  } else if (all_two_by_two<Arch>(g)) {
    scatter_windows<Arch, false, true>(g, d_dst, argmax, d_src);
  } else {
    scatter_windows<Arch, false, false>(g, d_dst, argmax, d_src);
  }
}

}  // namespace tilewise::simd
