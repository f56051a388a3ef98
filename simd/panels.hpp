#pragma once

#include <array>
#include <cstdint>

#include "tilewise/simd/blocking.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {

/// Floats of a k x n matrix packed in panels of tile.columns columns, the last one zero-padded.
std::int64_t packed_floats(const TileShape& tile, std::int64_t k, std::int64_t n);

/// Packs B into panels:
///   packed(panel, k, j) = B(k, panel * tile.columns + j), zero beyond column n,
/// where B(k, n) is b[k * ldb + n], or b[n * ldb + k] if transposed.
void pack_panels(const KernelTable& kernels, const TileShape& tile, std::int64_t k, std::int64_t n,
                 Transpose transpose, const float* b, std::int64_t ldb, float* packed);

/// Memory that will be wanted soon, fetched into L2 while there is other work: `floats` from `first`, but no
/// more than a quarter of a 512 KB L2, spread over `tiles` tiles, each of which fetches whole lines.
class Ahead {
 public:
  Ahead() = default;
  Ahead(const float* first, std::int64_t floats, std::int64_t tiles);
  /// Has the next call of the micro-kernel, of so many tiles, fetch what falls to them.
  void set(std::int64_t tiles, TileArgs& args);

 private:
  const float* next_ = nullptr;
  std::int64_t lines_ = 0;  ///< left
  std::int64_t lines_a_tile_ = 0;
};

/// Runs the micro-kernel down one panel of columns, in tiles of rows: C(0..m, 0..args.columns). `args` has A, B, C and
/// the epilogue for the panel's first row. If rows of B are to be fetched or packed (args.b_rows), only the first tile
/// does so; the others find them near, or read what it has packed (TileArgs::packed_b says what can be). Afterwards A
/// and C are as before, and B is as the last tiles have read it. `args` is not handed over by value: a copy, made in
/// large pieces, would wait for members that have just been written in small ones.
void multiply_panel(const KernelTable& kernels, const EvenSplit& tiles, TileArgs& args, Ahead& ahead);
void multiply_panel(const KernelTable& kernels, const EvenSplit& tiles, TileArgs& args);

/// One axis of a block of rows of C, and how far apart rows of A and of C are along it.
struct BlockAxis {
  std::int64_t rows, a_stride, c_stride;
};
/// multiply_panel() for rows of C that lie along three axes, in tiles of up to `tile_rows` rows along one of
/// them: the one that makes the fewest tiles, of equals the first.
void multiply_block(const KernelTable& kernels, std::int64_t tile_rows,
                    const std::array<BlockAxis, 3>& axes, const float* a, float* c, TileArgs& args,
                    Ahead& ahead);

}  // namespace tilewise::simd
