#include "tilewise/simd/panels.hpp"

#include <algorithm>

namespace tilewise::simd {

std::int64_t packed_floats(const TileShape& tile, std::int64_t k, std::int64_t n) {
  return k * round_up(n, tile.columns);
}

void pack_panels(const TileShape& tile, std::int64_t k, std::int64_t n, float alpha, const float* b,
                 std::int64_t row_stride, std::int64_t column_stride, float* packed) {
  for (std::int64_t first = 0; first < n; first += tile.columns) {
    const std::int64_t columns = std::min(tile.columns, n - first);
    for (std::int64_t row = 0; row < k; ++row, packed += tile.columns) {
      const float* source = b + row * row_stride + first * column_stride;
      for (std::int64_t j = 0; j < columns; ++j) packed[j] = alpha * source[j * column_stride];
      std::fill(packed + columns, packed + tile.columns, 0.0F);
    }
  }
}

void multiply_panel(const KernelTable& kernels, const TileShape& tile, std::int64_t m,
                    TileArgs args) {
  const std::int64_t vectors = ceil_div(args.columns, kernels.vector_floats);
  const TileKernel* by_rows = kernels.tile[vectors - 1];
  const EvenSplit rows(m, tile.rows);
  for (std::int64_t i = 0; i < rows.pieces; ++i) {
    const std::int64_t height = rows.size(i);
    by_rows[height - 1](args);
    args.a += height * args.a_row_stride;
    args.c += height * args.ldc;
  }
}

}  // namespace tilewise::simd
