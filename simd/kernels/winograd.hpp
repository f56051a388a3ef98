#pragma once

#include "tilewise/simd/kernel_table.hpp"
#include "tilewise/simd/kernels/vector.hpp"

namespace tilewise::simd {

/// Column j of B' d for a column d of four pixels.
template <class Arch>
[[gnu::always_inline]] inline void winograd_src_column(const Vec<Arch> d[4], Vec<Arch> t[4]) {
  t[0] = d[0] - d[2];
  t[1] = d[1] + d[2];
  t[2] = d[2] - d[1];
  t[3] = d[1] - d[3];
}

/// The transforms of one vector of channels of one tile. whole: all of its pixels are inside the image.
template <class Arch, bool whole>
[[gnu::always_inline]] inline void winograd_src_vector(const WinogradArgs& args, const WinogradTile& tile,
                                                       const float* src, std::int64_t count, float* out) {
  Vec<Arch> t[4][4];  // [column][row]
  TILEWISE_UNROLL for (int j = 0; j < 4; ++j) {
    Vec<Arch> d[4];
    TILEWISE_UNROLL for (int i = 0; i < 4; ++i) {
      const bool inside = whole || (i >= tile.first_row && i < tile.end_row && j >= tile.first_column &&
                                    j < tile.end_column);
      d[i] = inside ? load_some<Arch>(src + tile.src + i * args.row_stride + j * args.pixel_stride, count)
                    : Vec<Arch>(0.0F);
    }
    winograd_src_column<Arch>(d, t[j]);
  }
  TILEWISE_UNROLL for (int i = 0; i < 4; ++i) {
    const Vec<Arch> row[4] = {t[0][i], t[1][i], t[2][i], t[3][i]};
    Vec<Arch> v[4];
    winograd_src_column<Arch>(row, v);
    TILEWISE_UNROLL for (int j = 0; j < 4; ++j) store_some<Arch>(out + (4 * i + j) * args.plane, count, v[j]);
  }
}

template <class Arch>
[[gnu::flatten]] void winograd_src(const WinogradArgs& args, const float* src, float* transformed) noexcept {
  for (std::int64_t i = 0; i < args.count; ++i) {
    const WinogradTile& tile = args.tiles[i];
    float* const out = transformed + i * args.tile_stride;
    const bool whole = tile.first_row == 0 && tile.end_row == 4 && tile.first_column == 0 && tile.end_column == 4;
    std::int64_t c = 0;
    if (whole) {
      for (; c + kWidth<Arch> <= args.channels; c += kWidth<Arch>) {
        winograd_src_vector<Arch, true>(args, tile, src + c, kWidth<Arch>, out + c);
      }
    } else {
      for (; c + kWidth<Arch> <= args.channels; c += kWidth<Arch>) {
        winograd_src_vector<Arch, false>(args, tile, src + c, kWidth<Arch>, out + c);
      }
    }
    if (c < args.channels) winograd_src_vector<Arch, false>(args, tile, src + c, args.channels - c, out + c);
  }
}

template <class Arch>
[[gnu::always_inline]] inline void winograd_dst_vector(const WinogradArgs& args, const WinogradTile& tile,
                                                       std::int64_t count, const float* in, const Vec<Arch>& bias,
                                                       const Vec<Arch>& floor, float* dst) {
  Vec<Arch> s[4][2];  // [column][row]
  TILEWISE_UNROLL for (int j = 0; j < 4; ++j) {
    Vec<Arch> m[4];
    TILEWISE_UNROLL for (int i = 0; i < 4; ++i) m[i] = load<Arch>(in + (4 * i + j) * args.plane);
    s[j][0] = m[0] + m[1] + m[2];
    s[j][1] = m[1] - m[2] - m[3];
  }
  TILEWISE_UNROLL for (int i = 0; i < 2; ++i) {
    if (i == tile.rows) break;
    float* const out = dst + tile.dst + i * args.row_stride;
    const Vec<Arch> first = s[0][i] + s[1][i] + s[2][i], second = s[1][i] - s[2][i] - s[3][i];
    store_some<Arch>(out, count, xsimd::max(floor, first + bias));
    if (tile.columns == 2) store_some<Arch>(out + args.pixel_stride, count, xsimd::max(floor, second + bias));
  }
}

template <class Arch>
[[gnu::flatten]] void winograd_dst(const WinogradArgs& args, const float* sums, const float* bias, float floor,
                                   float* dst) noexcept {
  const Vec<Arch> least(floor);
  for (std::int64_t i = 0; i < args.count; ++i) {
    const float* const in = sums + i * args.tile_stride;
    for_each_vector<Arch>(args.channels, [&](std::int64_t c, std::int64_t count) __attribute__((always_inline)) {
      const Vec<Arch> shift = bias == nullptr ? Vec<Arch>(0.0F) : load_some<Arch>(bias + c, count);
      winograd_dst_vector<Arch>(args, args.tiles[i], count, in + c, shift, least, dst + c);
    });
  }
}

/// One vector of A d_dst A' of one tile.
template <class Arch>
[[gnu::always_inline]] inline void winograd_d_dst_vector(const WinogradArgs& args, const WinogradTile& tile,
                                                         const float* d_dst, std::int64_t count, float* out) {
  Vec<Arch> t[2][4];  // [column][row]
  TILEWISE_UNROLL for (int j = 0; j < 2; ++j) {
    Vec<Arch> d[2];
    TILEWISE_UNROLL for (int i = 0; i < 2; ++i) {
      const bool wanted = i < tile.rows && j < tile.columns;
      d[i] = wanted ? load_some<Arch>(d_dst + tile.dst + i * args.row_stride + j * args.pixel_stride, count)
                    : Vec<Arch>(0.0F);
    }
    t[j][0] = d[0];
    t[j][1] = d[0] + d[1];
    t[j][2] = d[0] - d[1];
    t[j][3] = -d[1];
  }
  TILEWISE_UNROLL for (int i = 0; i < 4; ++i) {
    float* const row = out + 4 * i * args.plane;
    t[0][i].store_unaligned(row);
    (t[0][i] + t[1][i]).store_unaligned(row + args.plane);
    (t[0][i] - t[1][i]).store_unaligned(row + 2 * args.plane);
    (-t[1][i]).store_unaligned(row + 3 * args.plane);
  }
}

template <class Arch>
[[gnu::flatten]] void winograd_d_dst(const WinogradArgs& args, const float* d_dst, float* transformed) noexcept {
  for (std::int64_t i = 0; i < args.count; ++i) {
    float* const out = transformed + i * args.tile_stride;
    for_each_vector<Arch>(args.channels, [&](std::int64_t c, std::int64_t count) __attribute__((always_inline)) {
      winograd_d_dst_vector<Arch>(args, args.tiles[i], d_dst + c, count, out + c);
    });
  }
}

template <class Arch>
[[gnu::flatten]] void winograd_d_filters(const WinogradFilters& args, const float* sums, float* d_wei) noexcept {
  const Vec<Arch> half(0.5F);
  for (std::int64_t row = 0; row < args.rows; ++row) {
    for_each_vector<Arch>(args.columns, [&](std::int64_t c, std::int64_t count) __attribute__((always_inline)) {
      const float* const in = sums + row * args.row_stride + c;
      float* const out = d_wei + row * args.wei_row_stride + c;
      Vec<Arch> t[4][3];  // [column][row] of G' sums
      TILEWISE_UNROLL for (int j = 0; j < 4; ++j) {
        Vec<Arch> u[4];
        TILEWISE_UNROLL for (int i = 0; i < 4; ++i) u[i] = load<Arch>(in + (4 * i + j) * args.plane);
        const Vec<Arch> even = half * (u[1] + u[2]);
        t[j][0] = u[0] + even;
        t[j][1] = half * (u[1] - u[2]);
        t[j][2] = even + u[3];
      }
      TILEWISE_UNROLL for (int i = 0; i < 3; ++i) {
        const Vec<Arch> even = half * (t[1][i] + t[2][i]);
        const Vec<Arch> taps[3] = {t[0][i] + even, half * (t[1][i] - t[2][i]), even + t[3][i]};
        TILEWISE_UNROLL for (int j = 0; j < 3; ++j) {
          float* const p = out + (3 * i + j) * args.tap_stride;
          store_some<Arch>(p, count, load_some<Arch>(p, count) + taps[j]);
        }
      }
    });
  }
}

template <class Arch>
[[gnu::flatten]] void winograd_filters(std::int64_t n, float* planes) noexcept {
  const Vec<Arch> half(0.5F);
  for_each_vector<Arch>(n, [&](std::int64_t at, std::int64_t count) __attribute__((always_inline)) {
    Vec<Arch> t[4][3];  // G wei
    TILEWISE_UNROLL for (int j = 0; j < 3; ++j) {
      Vec<Arch> g[3];
      TILEWISE_UNROLL for (int i = 0; i < 3; ++i) {
        g[i] = load_some<Arch>(planes + (kFirstWinogradTap + 3 * i + j) * n + at, count);
      }
      const Vec<Arch> ends = half * (g[0] + g[2]), middle = half * g[1];
      t[0][j] = g[0];
      t[1][j] = ends + middle;
      t[2][j] = ends - middle;
      t[3][j] = g[2];
    }
    TILEWISE_UNROLL for (int i = 0; i < 4; ++i) {
      const Vec<Arch> ends = half * (t[i][0] + t[i][2]), middle = half * t[i][1];
      const Vec<Arch> u[4] = {t[i][0], ends + middle, ends - middle, t[i][2]};
      TILEWISE_UNROLL for (int j = 0; j < 4; ++j) store_some<Arch>(planes + (4 * i + j) * n + at, count, u[j]);
    }
  });
}

}  // namespace tilewise::simd
