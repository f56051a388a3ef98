#pragma once

// Instantiates every kernel for one instruction set. Each unit in simd/arch includes this once.

#include <utility>

#include "tilewise/simd/kernel_table.hpp"
#include "tilewise/simd/kernels/average_pool.hpp"
#include "tilewise/simd/kernels/batch_norm.hpp"
#include "tilewise/simd/kernels/conv_pool.hpp"
#include "tilewise/simd/kernels/conv_short.hpp"
#include "tilewise/simd/kernels/conv_short_weights.hpp"
#include "tilewise/simd/kernels/depthwise.hpp"
#include "tilewise/simd/kernels/dots.hpp"
#include "tilewise/simd/kernels/dropout.hpp"
#include "tilewise/simd/kernels/elementwise.hpp"
#include "tilewise/simd/kernels/fma_peak.hpp"
#include "tilewise/simd/kernels/gradient.hpp"
#include "tilewise/simd/kernels/loss.hpp"
#include "tilewise/simd/kernels/matrix.hpp"
#include "tilewise/simd/kernels/max_pool.hpp"
#include "tilewise/simd/kernels/optimizer.hpp"
#include "tilewise/simd/kernels/pointwise.hpp"
#include "tilewise/simd/kernels/softmax.hpp"
#include "tilewise/simd/kernels/sparse.hpp"
#include "tilewise/simd/kernels/tile.hpp"
#include "tilewise/simd/kernels/warp.hpp"
#include "tilewise/simd/kernels/winograd.hpp"

namespace tilewise::simd {

template <class Arch, int NV, int MAX>
constexpr void fill_tiles(KernelTable& table) {
  table.max_rows[NV - 1] = MAX;
  [&]<int... i>(std::integer_sequence<int, i...>) {
    ((table.tile[NV - 1][i] = Tile<Arch, i + 1, NV>::run), ...);
  }(std::make_integer_sequence<int, MAX>{});
}

template <class Arch>
consteval KernelTable make_kernel_table(Isa isa) {
  KernelTable table;
  table.isa = isa;
  table.vector_floats = kWidth<Arch>;
  [&]<int... i>(std::integer_sequence<int, i...>) {
    (fill_tiles<Arch, i + 1, max_tile_rows(i + 1, kRegisters<Arch>, kHasFma<Arch>)>(table),
     ...);
  }(std::make_integer_sequence<int, kMaxTileVectors>{});
#define TILEWISE_FILL(name, result, parameters) table.name = name<Arch>;
  TILEWISE_KERNELS(TILEWISE_FILL)
#undef TILEWISE_FILL
  return table;
}

}  // namespace tilewise::simd
