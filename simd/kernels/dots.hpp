#pragma once

#include <cstdint>
#include <utility>

#include "tilewise/simd/kernel_table.hpp"
#include "tilewise/simd/kernels/quads.hpp"
#include "tilewise/simd/kernels/vector.hpp"

namespace tilewise::simd {

/// The sums of each of four vectors' lanes: lanes a multiple of four apart, then the four of these.
template <class Arch>
[[gnu::always_inline]] inline Vec<QuadArch<Arch>> sum_lanes_of_four(const Vec<Arch> (&v)[4]) {
  using Q = QuadArch<Arch>;
  const Vec<Q> a = sum_quads<Arch>(v[0]), b = sum_quads<Arch>(v[1]);
  const Vec<Q> c = sum_quads<Arch>(v[2]), d = sum_quads<Arch>(v[3]);
  const Vec<Q> ac = zip_low<Q>(a, c) + zip_high<Q>(a, c);  // a02 c02 a13 c13
  const Vec<Q> bd = zip_low<Q>(b, d) + zip_high<Q>(b, d);
  return zip_low<Q>(ac, bd) + zip_high<Q>(ac, bd);
}

/// The dot products of R rows of A with C <= 4 rows of B.
template <class Arch, int R, int C>
struct DotTile {
  static constexpr std::int64_t W = kWidth<Arch>;

  [[gnu::flatten]] static void run(const DotArgs& args, const float* a, const float* b, float* c) noexcept {
    Vec<Arch> sums[R][4];
    TILEWISE_UNROLL for (int r = 0; r < R; ++r) {
      TILEWISE_UNROLL for (int j = 0; j < 4; ++j) sums[r][j] = Vec<Arch>(0.0F);
    }
    const auto step = [&](auto load_some) __attribute__((always_inline)) {
      Vec<Arch> row[R];
      TILEWISE_UNROLL for (int r = 0; r < R; ++r) row[r] = load_some(a + r * args.lda);
      TILEWISE_UNROLL for (int j = 0; j < C; ++j) {
        const Vec<Arch> column = load_some(b + j * args.ldb);
        TILEWISE_UNROLL for (int r = 0; r < R; ++r) add_product<Arch>(row[r], column, sums[r][j]);
      }
    };
    std::int64_t k = args.k;
    for (; k >= W; k -= W, a += W, b += W) step([](const float* p) { return load<Arch>(p); });
    if (k > 0) step([k](const float* p) { return load_partial<Arch>(p, k); });

    using Quad = Vec<QuadArch<Arch>>;
    TILEWISE_UNROLL for (int r = 0; r < R; ++r, c += args.ldc) {
      Quad sum = args.alpha * sum_lanes_of_four<Arch>(sums[r]);
      alignas(16) float lanes[4] = {};
      if (args.beta != 0) {
        TILEWISE_UNROLL for (int j = 0; j < C; ++j) lanes[j] = c[j];
        sum += args.beta * Quad::load_aligned(lanes);
      }
      sum.store_aligned(lanes);
      TILEWISE_UNROLL for (int j = 0; j < C; ++j) c[j] = lanes[j];
    }
  }
};

/// DotTile<Arch, rows, columns>::run for up to R rows and 4 columns.
template <class Arch, int R>
struct DotTiles {
  using Tile = void (*)(const DotArgs&, const float*, const float*, float*) noexcept;
  Tile of[R][4];

  template <int... rows>
  constexpr explicit DotTiles(std::integer_sequence<int, rows...>)
      : of{{DotTile<Arch, rows + 1, 1>::run, DotTile<Arch, rows + 1, 2>::run, DotTile<Arch, rows + 1, 3>::run,
            DotTile<Arch, rows + 1, 4>::run}...} {}
};

template <class Arch>
void dots(const DotArgs& args) noexcept {
  // Sums, a vector of each row of A and one of B: 31 registers on AVX-512, 16 on AVX2. SSE2 needs one for products.
  constexpr int kRows = kWidth<Arch> == 16 ? 6 : kWidth<Arch> == 8 ? 3 : 2, kColumns = 4;
  static constexpr DotTiles<Arch, kRows> kTiles{std::make_integer_sequence<int, kRows>{}};
  for (std::int64_t i = 0; i < args.m; i += kRows) {
    const std::int64_t rows = args.m - i < kRows ? args.m - i : kRows;
    for (std::int64_t j = 0; j < args.n; j += kColumns) {
      const std::int64_t columns = args.n - j < kColumns ? args.n - j : kColumns;
      kTiles.of[rows - 1][columns - 1](args, args.a + i * args.lda, args.b + j * args.ldb,
                                       args.c + i * args.ldc + j);
    }
  }
}

}  // namespace tilewise::simd
