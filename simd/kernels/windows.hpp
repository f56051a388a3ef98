#pragma once

// The windows of a pooling, for the kernels that pool.

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
bool all_two_by_two(const PoolGeometry& g) {
  return g.kh == 2 && g.kw == 2 && g.pad_top == 0 && g.pad_left == 0 &&
         (g.oh - 1) * g.stride_h + 2 <= g.ih && (g.ow - 1) * g.stride_w + 2 <= g.iw;
}

/// Brings to L2 what is read two rows later. Of four lines at most the first: the others follow, and fetching each
/// would cost as much as it saves, in cache.
template <class Arch>
inline void fetch_below(std::int64_t row_step, const float* p) {
  __builtin_prefetch(p + 2 * row_step, 0, 2);
}

/// Calls body(o, rows, columns) for each window; o is its place in the output.
template <class Arch, bool two_by_two, class Body>
inline void for_each_window(const PoolGeometry& g, Body body) {
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

/// Where the first element of a window that lies in the image is, of channel 0.
template <class Arch>
inline std::int64_t first_element(const PoolGeometry& g, const WindowRange& rows,
                                  const WindowRange& columns) {
  return ((rows.origin + rows.first) * g.iw + columns.origin + columns.first) * g.channels;
}

/// Whether an element may be in several windows.
template <class Arch>
bool windows_overlap(const PoolGeometry& g) {
  return g.stride_h < g.kh || g.stride_w < g.kw;
}

/// Whether every element is in a window.
template <class Arch>
bool windows_cover(const PoolGeometry& g) {
  return g.stride_h <= g.kh && g.stride_w <= g.kw && (g.oh - 1) * g.stride_h - g.pad_top + g.kh >= g.ih &&
         (g.ow - 1) * g.stride_w - g.pad_left + g.kw >= g.iw;
}

template <class Arch>
void clear_image(const PoolGeometry& g, float* d_src) {
  std::memset(d_src, 0, static_cast<std::size_t>(g.ih * g.iw * g.channels) * sizeof(float));
}

/// The part of a window that lies inside the image: rows x columns elements of each channel.
struct PoolWindow {
  std::int64_t rows, columns;
  std::int64_t row_step, channels;  ///< from one element to that below, and to the next
  std::int64_t tap, kw;             ///< the first element's place, and how much further it is in the next row
  /// How many of its first rows and columns are in earlier windows, too.
  std::int64_t seen_rows, seen_columns;
};

/// Calls body(offset, place, seen) for the elements of a window from number `first` on, 0 or 1. Written out for 2x2
/// windows, whose places are constants then, and which are taken to be the first to see their elements.
template <bool two_by_two, int first, class Body>
[[gnu::always_inline]] inline void for_each_element(const PoolWindow& w, Body body) {
  if constexpr (two_by_two) {
    if (first == 0) body(0, 0, false);
    body(w.channels, 1, false);
    body(w.row_step, 2, false);
    body(w.row_step + w.channels, 3, false);
  } else {
    for (std::int64_t i = 0; i < w.rows; ++i) {
      for (std::int64_t j = i == 0 ? first : 0; j < w.columns; ++j) {
        body(i * w.row_step + j * w.channels, w.tap + i * w.kw + j, i < w.seen_rows || j < w.seen_columns);
      }
    }
  }
}

/// Calls body(window, its first element in the image, its place in the output) for each window.
template <class Arch, bool two_by_two, class Body>
[[gnu::always_inline]] inline void for_each_pool_window(const PoolGeometry& g, Body body) {
  std::int64_t out = 0;
  for_each_window<Arch, two_by_two>(g, [&](std::int64_t, WindowRange rows, WindowRange columns) {
    body(PoolWindow{rows.last - rows.first, columns.last - columns.first, g.iw * g.channels, g.channels,
                    rows.first * g.kw + columns.first, g.kw,
                    rows.origin + g.pad_top == 0 ? 0 : g.kh - g.stride_h - rows.first,
                    columns.origin + g.pad_left == 0 ? 0 : g.kw - g.stride_w - columns.first},
         first_element<Arch>(g, rows, columns), out);
    out += g.channels;
  });
}

}  // namespace tilewise::simd
