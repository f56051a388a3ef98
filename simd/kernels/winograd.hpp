#pragma once

#include "tilewise/simd/kernel_table.hpp"
#include "tilewise/simd/kernels/winograd_lines.hpp"

namespace tilewise::simd {

// Both axes are transformed for a pair of rows at a time: what is between the two passes then fits in sixteen
// registers, and reading pixels once more for every pair costs less than its way through memory.

/// Calls body<size>().
template <class Body>
[[gnu::always_inline]] inline void with_winograd_size(WinogradSize size, Body body) {
  if (size == WinogradSize::four) {
    body.template operator()<WinogradSize::four>();
  } else {
    body.template operator()<WinogradSize::two>();
  }
}

/// The transforms of one vector of channels of one tile: pixel(i, j) is read, those outside are zero.
template <class Arch, WinogradSize size, class Pixel>
[[gnu::always_inline]] inline void winograd_src_vector(const WinogradArgs& args, std::int64_t count, float* out,
                                                       Pixel pixel) {
  using Line = WinogradLine<Arch, size>;
  constexpr int n = Line::kPixels;
  const std::int64_t plane = args.plane;
  const WinogradPairs pairs = args.pairs;
  TILEWISE_UNROLL for (int k = 0; k < Line::kPairs; ++k) {
    if (k < pairs.first || k >= pairs.end) continue;
    Vec<Arch> rows[2][n];
    TILEWISE_UNROLL for (int j = 0; j < n; ++j) {
      Vec<Arch> d[n], pair[2];
      TILEWISE_UNROLL for (int i = 0; i < n; ++i) {
        const bool wanted = k == 0 || (i > 0 && i < n - 1);
        d[i] = wanted ? pixel(i, j) : Vec<Arch>(0.0F);
      }
      Line::src(k, d, pair);
      rows[0][j] = pair[0];
      rows[1][j] = pair[1];
    }
    TILEWISE_UNROLL for (int i = 0; i < 2; ++i) {
      float* const row = out + (2 * (k - pairs.first) + i) * n * plane;
      TILEWISE_UNROLL for (int l = 0; l < Line::kPairs; ++l) {
        Vec<Arch> pair[2];
        Line::src(l, rows[i], pair);
        store_some<Arch>(row + 2 * l * plane, count, pair[0]);
        store_some<Arch>(row + (2 * l + 1) * plane, count, pair[1]);
      }
    }
  }
}

template <class Arch, WinogradSize size>
[[gnu::always_inline]] inline void winograd_src_tile(const WinogradArgs& args, const WinogradTile& tile,
                                                     const float* src, float* out) {
  constexpr int n = WinogradLine<Arch, size>::kPixels;
  const std::int64_t row_stride = args.row_stride, pixel_stride = args.pixel_stride;
  const bool whole = tile.first_row == 0 && tile.end_row == n && tile.first_column == 0 && tile.end_column == n;
  std::int64_t c = 0;
  if (whole) {
    for (; c + kWidth<Arch> <= args.channels; c += kWidth<Arch>) {
      const float* const first = src + c;
      winograd_src_vector<Arch, size>(args, kWidth<Arch>, out + c, [&](int i, int j) __attribute__((always_inline)) {
        return load<Arch>(first + i * row_stride + j * pixel_stride);
      });
    }
  }
  if (c == args.channels) return;
  std::uint64_t inside = 0;  // bit n i + j
  for (int i = tile.first_row; i < tile.end_row; ++i) {
    for (int j = tile.first_column; j < tile.end_column; ++j) inside |= std::uint64_t{1} << (n * i + j);
  }
  const auto rest = [&](std::int64_t count) __attribute__((always_inline)) {
    const float* const first = src + c;
    winograd_src_vector<Arch, size>(args, count, out + c, [&](int i, int j) __attribute__((always_inline)) {
      return (inside >> (n * i + j) & 1) != 0 ? load_some<Arch>(first + i * row_stride + j * pixel_stride, count)
                                              : Vec<Arch>(0.0F);
    });
  };
  for (; c + kWidth<Arch> <= args.channels; c += kWidth<Arch>) rest(kWidth<Arch>);
  if (c < args.channels) rest(args.channels - c);
}

template <class Arch>
[[gnu::flatten]] void winograd_src(const WinogradArgs& args, const float* src, float* transformed) noexcept {
  with_winograd_size(args.size, [&]<WinogradSize size>() __attribute__((always_inline)) {
    for (std::int64_t i = 0; i < args.count; ++i) {
      winograd_src_tile<Arch, size>(args, args.tiles[i], src + args.tiles[i].src, transformed + i * args.tile_stride);
    }
  });
}

/// Whether all of so many floats are zero; mostly the first vector says that they are not.
template <class Arch>
[[gnu::always_inline]] inline bool are_zero(const float* p, std::int64_t count) {
  std::int64_t i = 0;
  for (; i + kWidth<Arch> <= count; i += kWidth<Arch>) {
    if (!xsimd::all(load<Arch>(p + i) == Vec<Arch>(0.0F))) return false;
  }
  return i == count || xsimd::all(load_partial<Arch>(p + i, count - i) == Vec<Arch>(0.0F));
}

template <class Arch>
[[gnu::flatten]] void winograd_blank(const WinogradArgs& args, const float* src, WinogradTile* tiles) noexcept {
  constexpr int n = WinogradLine<Arch, WinogradSize::four>::kPixels;
  for (std::int64_t t = 0; t < args.count; ++t) {
    const WinogradTile& tile = args.tiles[t];
    std::uint64_t zeros = ~std::uint64_t{0};  // bit n i + j, of pixels
    for (int i = tile.first_row; i < tile.end_row; ++i) {
      for (int j = tile.first_column; j < tile.end_column; ++j) {
        const float* const pixel = src + tile.src + i * args.row_stride + j * args.pixel_stride;
        if (!are_zero<Arch>(pixel, args.channels)) zeros &= ~(std::uint64_t{1} << (n * i + j));
      }
    }
    const std::uint64_t rows = zeros & zeros >> 1 & zeros >> 2;
    tiles[t].blank = rows & rows >> n & rows >> 2 * n;
  }
}

template <class Arch, WinogradSize size>
[[gnu::always_inline]] inline void winograd_dst_vector(const WinogradArgs& args, const WinogradTile& tile,
                                                       std::int64_t count, const float* in, const Vec<Arch>& bias,
                                                       const Vec<Arch>& floor, float* dst) {
  using Line = WinogradLine<Arch, size>;
  constexpr int n = Line::kPixels, kHalf = Line::kOutputs / 2;
  const std::int64_t plane = args.plane, row_stride = args.row_stride, pixel_stride = args.pixel_stride;
  TILEWISE_UNROLL for (int half = 0; half < 2; ++half) {
    Vec<Arch> rows[kHalf][n];
    TILEWISE_UNROLL for (int j = 0; j < n; ++j) {
      Vec<Arch> m[n], out[kHalf];
      TILEWISE_UNROLL for (int i = 0; i < n; ++i) {
        const bool wanted = i != (half == 0 ? 1 : 0);
        m[i] = wanted ? load<Arch>(in + (n * i + j) * plane) : Vec<Arch>(0.0F);
      }
      Line::dst(half, m, out);
      TILEWISE_UNROLL for (int i = 0; i < kHalf; ++i) rows[i][j] = out[i];
    }
    TILEWISE_UNROLL for (int i = 0; i < kHalf; ++i) {
      if (half + 2 * i >= tile.rows) break;
      float* const row = dst + (half + 2 * i) * row_stride;
      TILEWISE_UNROLL for (int first = 0; first < 2; ++first) {
        Vec<Arch> out[kHalf];
        Line::dst(first, rows[i], out);
        TILEWISE_UNROLL for (int j = 0; j < kHalf; ++j) {
          if (first + 2 * j >= tile.columns) break;
          const bool blank = (tile.blank >> (n * (half + 2 * i) + first + 2 * j) & 1) != 0;
          const Vec<Arch> value = blank ? bias : out[j] + bias;
          store_some<Arch>(row + (first + 2 * j) * pixel_stride, count, xsimd::max(floor, value));
        }
      }
    }
  }
}

template <class Arch>
[[gnu::flatten]] void winograd_dst(const WinogradArgs& args, const float* sums, const float* bias, float floor,
                                   float* dst) noexcept {
  const Vec<Arch> least(floor);
  with_winograd_size(args.size, [&]<WinogradSize size>() __attribute__((always_inline)) {
    for (std::int64_t i = 0; i < args.count; ++i) {
      const WinogradTile& tile = args.tiles[i];
      const float* const in = sums + i * args.tile_stride;
      for_each_vector<Arch>(args.channels, [&](std::int64_t c, std::int64_t count) __attribute__((always_inline)) {
        const Vec<Arch> shift = bias == nullptr ? Vec<Arch>(0.0F) : load_some<Arch>(bias + c, count);
        winograd_dst_vector<Arch, size>(args, tile, count, in + c, shift, least, dst + tile.dst + c);
      });
    }
  });
}

/// One vector of A d_dst A' of one tile.
template <class Arch, WinogradSize size>
[[gnu::always_inline]] inline void winograd_d_dst_vector(const WinogradArgs& args, const WinogradTile& tile,
                                                         const float* d_dst, std::int64_t count, float* out) {
  using Line = WinogradLine<Arch, size>;
  constexpr int m = Line::kOutputs, n = Line::kPixels;
  TILEWISE_UNROLL for (int k = 0; k < Line::kPairs; ++k) {
    if (k < args.pairs.first || k >= args.pairs.end) continue;
    Vec<Arch> rows[2][m];
    TILEWISE_UNROLL for (int j = 0; j < m; ++j) {
      Vec<Arch> d[m], pair[2];
      TILEWISE_UNROLL for (int i = 0; i < m; ++i) {
        const bool wanted = i < tile.rows && j < tile.columns;
        d[i] = wanted ? load_some<Arch>(d_dst + i * args.row_stride + j * args.pixel_stride, count) : Vec<Arch>(0.0F);
      }
      Line::d_dst(k, d, pair);
      rows[0][j] = pair[0];
      rows[1][j] = pair[1];
    }
    TILEWISE_UNROLL for (int i = 0; i < 2; ++i) {
      float* const row = out + (2 * (k - args.pairs.first) + i) * n * args.plane;
      TILEWISE_UNROLL for (int l = 0; l < Line::kPairs; ++l) {
        Vec<Arch> pair[2];
        Line::d_dst(l, rows[i], pair);
        pair[0].store_unaligned(row + 2 * l * args.plane);
        pair[1].store_unaligned(row + (2 * l + 1) * args.plane);
      }
    }
  }
}

template <class Arch>
[[gnu::flatten]] void winograd_d_dst(const WinogradArgs& args, const float* d_dst, float* transformed) noexcept {
  with_winograd_size(args.size, [&]<WinogradSize size>() __attribute__((always_inline)) {
    for (std::int64_t i = 0; i < args.count; ++i) {
      const WinogradTile& tile = args.tiles[i];
      float* const out = transformed + i * args.tile_stride;
      for_each_vector<Arch>(args.channels, [&](std::int64_t c, std::int64_t count) __attribute__((always_inline)) {
        winograd_d_dst_vector<Arch, size>(args, tile, d_dst + tile.dst + c, count, out + c);
      });
    }
  });
}

/// One vector of what pairs of rows of sums add to the gradients of its taps.
template <class Arch, WinogradSize size>
[[gnu::always_inline]] inline void winograd_d_filters_vector(const WinogradSums& args, std::int64_t count,
                                                             const float* sums, float* d_wei) {
  using Line = WinogradLine<Arch, size>;
  constexpr int n = Line::kPixels;
  const WinogradPairs pairs = args.pairs;
  Vec<Arch> taps[3][3];  // [column][row]
  TILEWISE_UNROLL for (int j = 0; j < 3; ++j) {
    TILEWISE_UNROLL for (int i = 0; i < 3; ++i) {
      taps[j][i] = load_some<Arch>(d_wei + (3 * i + j) * args.tap_stride, count);
    }
  }
  TILEWISE_UNROLL for (int k = 0; k < Line::kPairs; ++k) {
    if (k < pairs.first || k >= pairs.end) continue;
    Vec<Arch> rows[3][2];  // of sums G, transposed
    TILEWISE_UNROLL for (int i = 0; i < 2; ++i) {
      const float* const row = sums + (2 * (k - pairs.first) + i) * n * args.plane;
      Vec<Arch> u[3] = {Vec<Arch>(0.0F), Vec<Arch>(0.0F), Vec<Arch>(0.0F)};
      TILEWISE_UNROLL for (int l = 0; l < Line::kPairs; ++l) {
        const Vec<Arch> pair[2] = {load<Arch>(row + 2 * l * args.plane), load<Arch>(row + (2 * l + 1) * args.plane)};
        Line::add_taps(l, pair, u);
      }
      TILEWISE_UNROLL for (int j = 0; j < 3; ++j) rows[j][i] = u[j];
    }
    TILEWISE_UNROLL for (int j = 0; j < 3; ++j) Line::add_taps(k, rows[j], taps[j]);
  }
  TILEWISE_UNROLL for (int j = 0; j < 3; ++j) {
    TILEWISE_UNROLL for (int i = 0; i < 3; ++i) {
      store_some<Arch>(d_wei + (3 * i + j) * args.tap_stride, count, taps[j][i]);
    }
  }
}

template <class Arch>
[[gnu::flatten]] void winograd_d_filters(const WinogradSums& args, const float* sums, float* d_wei) noexcept {
  with_winograd_size(args.size, [&]<WinogradSize size>() __attribute__((always_inline)) {
    for (std::int64_t row = 0; row < args.rows; ++row) {
      for_each_vector<Arch>(args.columns, [&](std::int64_t c, std::int64_t count) __attribute__((always_inline)) {
        winograd_d_filters_vector<Arch, size>(args, count, sums + row * args.row_stride + c,
                                              d_wei + row * args.wei_row_stride + c);
      });
    }
  });
}

template <class Arch>
[[gnu::flatten]] void winograd_filters(const WinogradFilters& args) noexcept {
  with_winograd_size(args.size, [&]<WinogradSize size>() __attribute__((always_inline)) {
    using Line = WinogradLine<Arch, size>;
    constexpr int n = Line::kPixels;
    const std::int64_t tap_stride = args.tap_stride, plane = args.plane;
    const float* const first_tap = args.taps;
    float* const planes = args.planes;
    for_each_vector<Arch>(args.count, [&](std::int64_t at, std::int64_t count) __attribute__((always_inline)) {
      Vec<Arch> taps[3][3];  // [column][row], all of them before positions take their place
      TILEWISE_UNROLL for (int j = 0; j < 3; ++j) {
        TILEWISE_UNROLL for (int i = 0; i < 3; ++i) {
          taps[j][i] = load_some<Arch>(first_tap + (3 * i + j) * tap_stride + at, count);
        }
      }
      TILEWISE_UNROLL for (int k = 0; k < Line::kPairs; ++k) {
        Vec<Arch> rows[2][3];
        TILEWISE_UNROLL for (int j = 0; j < 3; ++j) {
          Vec<Arch> pair[2];
          Line::filter(k, taps[j], pair);
          rows[0][j] = pair[0];
          rows[1][j] = pair[1];
        }
        TILEWISE_UNROLL for (int i = 0; i < 2; ++i) {
          float* const row = planes + (2 * k + i) * n * plane + at;
          TILEWISE_UNROLL for (int l = 0; l < Line::kPairs; ++l) {
            Vec<Arch> pair[2];
            Line::filter(l, rows[i], pair);
            store_some<Arch>(row + 2 * l * plane, count, pair[0]);
            store_some<Arch>(row + (2 * l + 1) * plane, count, pair[1]);
          }
        }
      }
    });
  });
}

}  // namespace tilewise::simd
