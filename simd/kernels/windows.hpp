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

/// Where the first element of a window that lies in the image is, of channel 0.
template <class Arch>
inline std::int64_t first_element(const MaxPoolGeometry& g, const WindowRange& rows,
                                  const WindowRange& columns) {
  return ((rows.origin + rows.first) * g.iw + columns.origin + columns.first) * g.channels;
}

/// Whether an element may be in several windows.
template <class Arch>
bool windows_overlap(const MaxPoolGeometry& g) {
  return g.stride_h < g.kh || g.stride_w < g.kw;
}

/// Whether every element is in a window.
template <class Arch>
bool windows_cover(const MaxPoolGeometry& g) {
  return g.stride_h <= g.kh && g.stride_w <= g.kw && (g.oh - 1) * g.stride_h - g.pad_top + g.kh >= g.ih &&
         (g.ow - 1) * g.stride_w - g.pad_left + g.kw >= g.iw;
}

template <class Arch>
void clear_image(const MaxPoolGeometry& g, float* d_src) {
  std::memset(d_src, 0, static_cast<std::size_t>(g.ih * g.iw * g.channels) * sizeof(float));
}

}  // namespace tilewise::simd
