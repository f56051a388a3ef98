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
      if constexpr (NV > 1) fetch_below<Arch>(row_step, p);
      TILEWISE_UNROLL for (int v = 0; v < NV; ++v) {
        sums[v] += load_some<Arch>(p + v * W, v + 1 < NV ? W : count);
      }
    }
  }
  const Vec<Arch> pixels(static_cast<float>(rows * columns));
  TILEWISE_UNROLL for (int v = 0; v < NV; ++v) {
    store_some<Arch>(dst + v * W, v + 1 < NV ? W : count, divide<Arch>(sums[v], pixels));
  }
}

template <class Arch, bool two_by_two>
[[gnu::flatten]] void find_means(const PoolGeometry& shared, const float* src, float* dst) noexcept {
  const PoolGeometry g = shared;  // its own, so that no store can change it
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
void average_pool_forward(const PoolGeometry& g, const float* src, float* dst) noexcept {
  all_two_by_two<Arch>(g) ? find_means<Arch, true>(g, src, dst) : find_means<Arch, false>(g, src, dst);
}

/// d_src at each place of a window, for NV vectors of channels: stored, or added to what earlier windows left there.
template <class Arch, int NV, bool overlap>
[[gnu::always_inline]] inline void spread_mean(const PoolWindow& window, const float* d_dst, std::int64_t count,
                                               float* d_src) {
  constexpr std::int64_t W = kWidth<Arch>;
  const Vec<Arch> pixels(static_cast<float>(window.rows * window.columns));
  Vec<Arch> share[NV];
  TILEWISE_UNROLL for (int v = 0; v < NV; ++v) {
    share[v] = divide<Arch>(load_some<Arch>(d_dst + v * W, count), pixels);
  }
  for_each_element<false, 0>(window, [&](std::int64_t offset, std::int64_t, bool seen) {
    float* const out = d_src + offset;
    TILEWISE_UNROLL for (int v = 0; v < NV; ++v) {
      Vec<Arch> value = share[v];
      if (overlap && seen) value += load_some<Arch>(out + v * W, count);
      store_some<Arch>(out + v * W, count, value);
    }
  });
}

template <class Arch, bool overlap>
[[gnu::flatten]] void spread_means(const PoolGeometry& shared, const float* d_dst, float* d_src) noexcept {
  const PoolGeometry g = shared;
  for_each_pool_window<Arch, false>(g, [&](const PoolWindow& window, std::int64_t in, std::int64_t out) {
    for_each_vectors<Arch, 4>(g.channels, [&]<int NV>(std::int64_t c, std::int64_t count) {
      spread_mean<Arch, NV, overlap>(window, d_dst + out + c, count, d_src + in + c);
    });
  });
}

/// The same of 2x2 windows that do not overlap, vector by vector: more at once would be no faster, and few channels
/// would wait for the loops.
template <class Arch>
[[gnu::flatten]] void spread_fourths(const PoolGeometry& shared, const float* d_dst, float* d_src) noexcept {
  const PoolGeometry g = shared;
  for_each_window<Arch, true>(g, [&](std::int64_t o, WindowRange rows, WindowRange columns) {
    float* const corner = d_src + first_element<Arch>(g, rows, columns);
    for_each_vector<Arch>(g.channels, [&](std::int64_t c, std::int64_t count) {
      const Vec<Arch> share = divide<Arch>(load_some<Arch>(d_dst + o * g.channels + c, count), Vec<Arch>(4.0F));
      for (std::int64_t i = 0; i < 2; ++i) {
        float* const row = corner + i * g.iw * g.channels + c;
        for (std::int64_t j = 0; j < 2; ++j) store_some<Arch>(row + j * g.channels, count, share);
      }
    });
  });
}

template <class Arch>
void average_pool_backward(const PoolGeometry& g, const float* d_dst, float* d_src) noexcept {
  if (!windows_cover<Arch>(g)) clear_image<Arch>(g, d_src);
  if (windows_overlap<Arch>(g)) {
    spread_means<Arch, true>(g, d_dst, d_src);
  } else if (all_two_by_two<Arch>(g)) {
    spread_fourths<Arch>(g, d_dst, d_src);
  } else {
    spread_means<Arch, false>(g, d_dst, d_src);
  }
}

}  // namespace tilewise::simd
