#include "tilewise/simd/panels.hpp"

#include <algorithm>

namespace tilewise::simd {
namespace {

constexpr std::int64_t kLine = 16;
constexpr std::int64_t kMostFloats = 32 * 1024;

}  // namespace

std::int64_t packed_floats(const TileShape& tile, std::int64_t k, std::int64_t n) {
  return k * round_up(n, tile.columns);
}

void pack_panels(const KernelTable& kernels, const TileShape& tile, std::int64_t k, std::int64_t n,
                 Transpose transpose, const float* b, std::int64_t ldb, float* packed) {
  // Where there are several panels a few rows at a time: rows of B are read from end to end.
  constexpr std::int64_t kRows = 8;
  const std::int64_t step = transpose == Transpose::no && n > tile.columns ? kRows : k;
  for (std::int64_t row = 0; row < k; row += step) {
    const std::int64_t rows = std::min(step, k - row);
    for (std::int64_t first = 0; first < n; first += tile.columns) {
      const std::int64_t columns = std::min(tile.columns, n - first);
      float* const out = packed + first * k + row * tile.columns;
      if (transpose == Transpose::no) {
        kernels.copy_matrix(rows, columns, b + row * ldb + first, ldb, out, tile.columns, tile.columns);
      } else {
        kernels.transpose(columns, rows, b + first * ldb + row, ldb, out, tile.columns, tile.columns);
      }
    }
  }
}

Ahead::Ahead(const float* first, std::int64_t floats, std::int64_t tiles)
    : next_(first),
      lines_(std::min(floats, kMostFloats) / kLine),
      lines_a_tile_(ceil_div(lines_, std::max<std::int64_t>(1, tiles))) {}

void Ahead::set(std::int64_t tiles, TileArgs& args) {
  args.ahead = next_;
  args.ahead_lines = lines_ > 0 ? lines_a_tile_ : 0;
  next_ += tiles * args.ahead_lines * kLine;
  lines_ -= tiles * args.ahead_lines;
}

void multiply_panel(const KernelTable& kernels, const EvenSplit& tiles, TileArgs& args, Ahead& ahead) {
  const float* const a = args.a;
  float* const c = args.c;
  const TileKernel* by_rows = kernels.tile[vectors_of(kernels, args.columns) - 1];
  const auto run = [&](std::int64_t height, std::int64_t count) {
    if (count == 0) return;
    args.tiles = count;
    ahead.set(count, args);
    by_rows[height - 1](args);
    args.a += count * height * args.a_row_stride;
    args.c += count * height * args.ldc;
  };
  const std::int64_t first = args.b_rows == BRows::near ? 0 : 1;
  if (first > 0) {
    run(tiles.size(0), 1);
    if (args.b_rows == BRows::packing) {
      args.b = args.packed_b;
      args.ldb = args.columns;
    }
    args.b_rows = BRows::near;
  }
  run(tiles.base + 1, std::max<std::int64_t>(0, tiles.longer - first));
  run(tiles.base, tiles.pieces - std::max(first, tiles.longer));
  args.a = a;
  args.c = c;
}

void multiply_panel(const KernelTable& kernels, const EvenSplit& tiles, TileArgs& args) {
  Ahead nothing;
  multiply_panel(kernels, tiles, args, nothing);
}

void multiply_block(const KernelTable& kernels, std::int64_t tile_rows,
                    const std::array<BlockAxis, 3>& axes, const float* a, float* c, TileArgs& args,
                    Ahead& ahead) {
  // Tiles along an axis are ceil_div(rows, tile_rows) / rows, up to a factor common to all axes.
  const auto are_fewer = [&](const BlockAxis& x, const BlockAxis& y) {
    return ceil_div(x.rows, tile_rows) * y.rows < ceil_div(y.rows, tile_rows) * x.rows;
  };
  std::size_t along = 0;
  for (std::size_t i = 1; i < axes.size(); ++i) {
    if (axes[i].rows > 1 && are_fewer(axes[i], axes[along])) along = i;
  }
  const BlockAxis& tiled = axes[along];
  const BlockAxis& inner = axes[along == 0 ? 1 : 0];
  const BlockAxis& outer = axes[along == 2 ? 1 : 2];
  const EvenSplit tiles(tiled.rows, tile_rows);
  args.a_row_stride = tiled.a_stride;
  args.ldc = tiled.c_stride;
  for (std::int64_t i = 0; i < outer.rows; ++i) {
    for (std::int64_t j = 0; j < inner.rows; ++j) {
      args.a = a + i * outer.a_stride + j * inner.a_stride;
      args.c = c + i * outer.c_stride + j * inner.c_stride;
      multiply_panel(kernels, tiles, args, ahead);
    }
  }
}

}  // namespace tilewise::simd
