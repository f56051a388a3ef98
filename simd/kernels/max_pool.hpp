#pragma once

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

/// Calls body(o, rows, columns) for each window; o is its place in the output.
template <class Arch, class Body>
inline void for_each_window(const MaxPoolGeometry& g, Body body) {
  for (std::int64_t oh = 0; oh < g.oh; ++oh) {
    const auto rows = window_range<Arch>(oh, g.stride_h, g.pad_top, g.kh, g.ih);
    for (std::int64_t ow = 0; ow < g.ow; ++ow) {
      body(oh * g.ow + ow, rows, window_range<Arch>(ow, g.stride_w, g.pad_left, g.kw, g.iw));
    }
  }
}

// Places in a window are small integers: held as floats they share the vectors' width and masks.
template <class Arch>
inline void store_places(std::uint16_t* p, std::int64_t count, const Vec<Arch>& places) {
  alignas(64) float lanes[kWidth<Arch>];
  places.store_aligned(lanes);
  if (count == kWidth<Arch>) {
    for (std::int64_t i = 0; i < kWidth<Arch>; ++i) p[i] = static_cast<std::uint16_t>(lanes[i]);
  } else {
    for (std::int64_t i = 0; i < count; ++i) p[i] = static_cast<std::uint16_t>(lanes[i]);
  }
}

template <class Arch>
inline Vec<Arch> load_places(const std::uint16_t* p, std::int64_t count) {
  alignas(64) float lanes[kWidth<Arch>];
  if (count == kWidth<Arch>) {
    for (std::int64_t i = 0; i < kWidth<Arch>; ++i) lanes[i] = static_cast<float>(p[i]);
  } else {
    for (std::int64_t i = 0; i < kWidth<Arch>; ++i) lanes[i] = i < count ? p[i] : 0.0F;
  }
  return Vec<Arch>::load_aligned(lanes);
}

template <class Arch>
void max_pool_forward(const MaxPoolGeometry& g, const float* src, float* dst,
                      std::uint16_t* argmax) noexcept {
  for_each_window<Arch>(g, [&](std::int64_t o, WindowRange rows, WindowRange columns) {
    for_each_vector<Arch>(g.channels, [&](std::int64_t c, std::int64_t count) {
      Vec<Arch> best(-std::numeric_limits<float>::infinity());
      Vec<Arch> place(static_cast<float>(rows.first * g.kw + columns.first));
      for (std::int64_t i = rows.first; i < rows.last; ++i) {
        const float* row = src + ((rows.origin + i) * g.iw + columns.origin) * g.channels + c;
        for (std::int64_t j = columns.first; j < columns.last; ++j) {
          const Vec<Arch> value = load_some<Arch>(row + j * g.channels, count);
          const auto better = (value > best) | is_nan<Arch>(value);
          best = xsimd::select(better, value, best);
          place = xsimd::select(better, Vec<Arch>(static_cast<float>(i * g.kw + j)), place);
        }
      }
      store_some<Arch>(dst + o * g.channels + c, count, best);
      store_places<Arch>(argmax + o * g.channels + c, count, place);
    });
  });
}

/// d_src at each place of each window: stored, or added where windows overlap.
template <class Arch, bool overlap>
inline void scatter_windows(const MaxPoolGeometry& g, const float* d_dst,
                            const std::uint16_t* argmax, float* d_src) {
  const Vec<Arch> zero(0.0F);
  for_each_window<Arch>(g, [&](std::int64_t o, WindowRange rows, WindowRange columns) {
    for_each_vector<Arch>(g.channels, [&](std::int64_t c, std::int64_t count) {
      const Vec<Arch> gradient = load_some<Arch>(d_dst + o * g.channels + c, count);
      const Vec<Arch> place = load_places<Arch>(argmax + o * g.channels + c, count);
      for (std::int64_t i = rows.first; i < rows.last; ++i) {
        float* row = d_src + ((rows.origin + i) * g.iw + columns.origin) * g.channels + c;
        for (std::int64_t j = columns.first; j < columns.last; ++j) {
          const auto here = place == Vec<Arch>(static_cast<float>(i * g.kw + j));
          Vec<Arch> value = xsimd::select(here, gradient, zero);
          float* p = row + j * g.channels;
          if constexpr (overlap) value += load_some<Arch>(p, count);
          store_some<Arch>(p, count, value);
        }
      }
    });
  });
}

template <class Arch>
void max_pool_backward(const MaxPoolGeometry& g, const float* d_dst, const std::uint16_t* argmax,
                       float* d_src) noexcept {
  const bool overlap = g.stride_h < g.kh || g.stride_w < g.kw;
  const bool tiled = g.stride_h == g.kh && g.stride_w == g.kw && g.pad_top == 0 &&
                     g.pad_left == 0 && g.oh * g.kh >= g.ih && g.ow * g.kw >= g.iw;
  if (!tiled) {  // some elements are in no window, or in several
    std::memset(d_src, 0, static_cast<std::size_t>(g.ih * g.iw * g.channels) * sizeof(float));
  }
  if (overlap) {
    scatter_windows<Arch, true>(g, d_dst, argmax, d_src);
  } else {
    scatter_windows<Arch, false>(g, d_dst, argmax, d_src);
  }
}

}  // namespace tilewise::simd
