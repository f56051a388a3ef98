#pragma once

#include "tilewise/simd/kernels/windows.hpp"

namespace tilewise::simd {

/// dst = the mean of rows x columns pixels, row_step apart, for NV vectors of channels: as many sums at once
/// hide the latency of an addition. The last vector has `count` lanes.
template <class Arch, int NV>
[[gnu::always_inline]] inline void mean_of_pixels(std::int64_t rows, std::int64_t columns,
                                                  const float* src, std::int64_t row_step,
                                                  std::int64_t channels, std::int64_t count,
                                                  float* dst) {
  constexpr std::int64_t W = kWidth<Arch>;
  Vec<Arch> sums[NV];
  TILEWISE_UNROLL for (int v = 0; v < NV; ++v) sums[v] = Vec<Arch>(0.0F);
  for (std::int64_t i = 0; i < rows; ++i, src += row_step) {
    const float* p = src;
    for (std::int64_t j = 0; j < columns; ++j, p += channels) {
      TILEWISE_UNROLL for (int v = 0; v < NV; ++v) {
        sums[v] += load_some<Arch>(p + v * W, v + 1 < NV ? W : count);
      }
    }
  }
  const Vec<Arch> pixels(static_cast<float>(rows * columns));
  TILEWISE_UNROLL for (int v = 0; v < NV; ++v) {
    store_some<Arch>(dst + v * W, v + 1 < NV ? W : count, sums[v] / pixels);
  }
}

template <class Arch, bool two_by_two>
[[gnu::flatten]] void find_means(const MaxPoolGeometry& shared, const float* src, float* dst) noexcept {
  const MaxPoolGeometry g = shared;  // its own, so that no store can change it
  constexpr std::int64_t W = kWidth<Arch>;
  for_each_window<Arch, two_by_two>(g, [&](std::int64_t o, WindowRange rows, WindowRange columns) {
    const float* const corner = src + first_element<Arch>(g, rows, columns);
    float* const means = dst + o * g.channels;
    const std::int64_t height = rows.last - rows.first, width = columns.last - columns.first;
    std::int64_t c = 0;
    for (; c + 4 * W <= g.channels; c += 4 * W) {
      mean_of_pixels<Arch, 4>(height, width, corner + c, g.iw * g.channels, g.channels, W, means + c);
    }
    for_each_vector<Arch>(g.channels - c, [&](std::int64_t at, std::int64_t count) {
      mean_of_pixels<Arch, 1>(height, width, corner + c + at, g.iw * g.channels, g.channels, count,
                              means + c + at);
    });
  });
}

template <class Arch>
void average_pool_forward(const MaxPoolGeometry& g, const float* src, float* dst) noexcept {
  all_two_by_two<Arch>(g) ? find_means<Arch, true>(g, src, dst) : find_means<Arch, false>(g, src, dst);
}

/// d_src at each place of each window: stored, or added where windows overlap.
template <class Arch, bool overlap, bool two_by_two>
[[gnu::flatten]] void spread_means(const MaxPoolGeometry& shared, const float* d_dst,
                                   float* d_src) noexcept {
  const MaxPoolGeometry g = shared;
  for_each_window<Arch, two_by_two>(g, [&](std::int64_t o, WindowRange rows, WindowRange columns) {
    float* const corner = d_src + first_element<Arch>(g, rows, columns);
    const std::int64_t height = rows.last - rows.first, width = columns.last - columns.first;
    const Vec<Arch> pixels(static_cast<float>(height * width));
    for_each_vector<Arch>(g.channels, [&](std::int64_t c, std::int64_t count) {
      const Vec<Arch> share = load_some<Arch>(d_dst + o * g.channels + c, count) / pixels;
      float* row = corner + c;
      for (std::int64_t i = 0; i < height; ++i, row += g.iw * g.channels) {
        float* p = row;
        for (std::int64_t j = 0; j < width; ++j, p += g.channels) {
          if constexpr (overlap) {
            store_some<Arch>(p, count, load_some<Arch>(p, count) + share);
          } else {
            store_some<Arch>(p, count, share);
          }
        }
      }
    });
  });
}

template <class Arch>
void average_pool_backward(const MaxPoolGeometry& g, const float* d_dst, float* d_src) noexcept {
  if (windows_overlap<Arch>(g) || !windows_cover<Arch>(g)) clear_image<Arch>(g, d_src);
  if (windows_overlap<Arch>(g)) {
    spread_means<Arch, true, false>(g, d_dst, d_src);
  } else if (all_two_by_two<Arch>(g)) {
    spread_means<Arch, false, true>(g, d_dst, d_src);
  } else {
    spread_means<Arch, false, false>(g, d_dst, d_src);
  }
}

}  // namespace tilewise::simd
