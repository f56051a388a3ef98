#pragma once

#include <cstdint>

#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {

/// `total` things in the fewest pieces of at most `most`, sizes differing by at most one: 26 rows in
/// tiles of up to 14 are 13 + 13, not 14 + 12.
struct EvenSplit {
  EvenSplit(std::int64_t total, std::int64_t most);

  std::int64_t pieces;
  std::int64_t begin(std::int64_t i) const { return i * base + (i < longer ? i : longer); }
  std::int64_t size(std::int64_t i) const { return base + (i < longer ? 1 : 0); }

  std::int64_t base;    ///< size of the shorter pieces
  std::int64_t longer;  ///< how many have one more
};

/// A tile of the micro-kernel: at most `rows` rows of `vectors` vectors, `columns` floats wide.
struct TileShape {
  std::int64_t rows = 1;
  std::int64_t vectors = 1;
  std::int64_t columns = 1;
};

/// The tile that should multiply (m x k) by (k x n) fastest, by a small model of the core: two
/// multiply-adds and two loads a cycle, four cycles from one multiply-add to the next on the same
/// accumulator, and a fixed cost a tile. Ties go to the narrower tile, whose panel of B is smaller.
TileShape choose_tile(const KernelTable& kernels, std::int64_t m, std::int64_t n, std::int64_t k);

/// How the GEMM loops are cut: B in panels of kc rows, A in blocks of mc x kc, tasks of mc x nb.
/// Depends on the problem and the instruction set, never on the number of threads.
struct GemmBlocking {
  TileShape tile;
  std::int64_t mc = 0, kc = 0, nc = 0;
  std::int64_t nb = 0;  ///< columns of one task, a multiple of tile.columns
};
GemmBlocking choose_gemm_blocking(const KernelTable& kernels, std::int64_t m, std::int64_t n,
                                  std::int64_t k);

/// Upper bounds of kc * nc and of mc * kc over all blockings of products no larger than m x n x k. The
/// blockings themselves do not grow evenly with the problem: 112 rows are one block, 128 are two of 64.
struct GemmBounds {
  std::int64_t b_floats = 0, a_floats = 0;
};
GemmBounds gemm_bounds(const KernelTable& kernels, std::int64_t m, std::int64_t n, std::int64_t k);

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
constexpr std::int64_t round_up(std::int64_t a, std::int64_t b) { return ceil_div(a, b) * b; }

}  // namespace tilewise::simd
