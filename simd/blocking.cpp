#include "tilewise/simd/blocking.hpp"

#include <algorithm>
#include <limits>

namespace tilewise::simd {
namespace {

// GEMM's cache constants. The panel of B (kc x tile.columns) is read once for every tile of A above
// it and should stay in L1; the block of A (mc x kc) is read once for every panel of B and should
// stay in L2; the packed B (kc x nc) is shared and should stay in L3.
//   kc = 256: 256 x 32 columns x 4 bytes = 32 KB of B on AVX-512, two thirds of a 48 KB L1; 16 KB of
//             a 32 KB L1 on AVX2.
//   mc = 112: 112 x 256 x 4 bytes = 112 KB of A, under half of a 256 KB L2, and whole tiles of 14
//             rows.
//   nc = 3072: 3 MB of packed B.
//   nb = 256: enough tasks for many cores from one block of rows, each still tens of microseconds.
constexpr std::int64_t kKc = 256;
constexpr std::int64_t kMc = 112;
constexpr std::int64_t kNc = 3072;
constexpr std::int64_t kNb = 256;

/// Cycles of one tile in the model that blocking.hpp states.
double tile_cycles(std::int64_t rows, std::int64_t vectors, std::int64_t k) {
  constexpr double kLatency = 4;
  constexpr double kTileCost = 30;
  const auto r = static_cast<double>(rows);
  const auto v = static_cast<double>(vectors);
  const double step = std::max({r * v / 2, (r + v) / 2, kLatency});
  return static_cast<double>(k) * step + r * v + kTileCost;
}

}  // namespace

EvenSplit::EvenSplit(std::int64_t total, std::int64_t most)
    : pieces(std::max<std::int64_t>(1, ceil_div(total, most))),
      base(total / pieces),
      longer(total % pieces) {}

TileShape choose_tile(const KernelTable& kernels, std::int64_t m, std::int64_t n, std::int64_t k) {
  const std::int64_t n_vectors = ceil_div(n, kernels.vector_floats);
  TileShape best;
  double best_cycles = std::numeric_limits<double>::infinity();
  for (std::int64_t vectors = 1; vectors <= std::min<std::int64_t>(kMaxTileVectors, n_vectors);
       ++vectors) {
    const EvenSplit rows(m, kernels.max_rows[vectors - 1]);
    double cycles = 0;
    for (std::int64_t i = 0; i < rows.pieces; ++i) {
      cycles += static_cast<double>(n_vectors / vectors) * tile_cycles(rows.size(i), vectors, k);
      if (n_vectors % vectors != 0) cycles += tile_cycles(rows.size(i), n_vectors % vectors, k);
    }
    if (cycles < best_cycles) {
      best_cycles = cycles;
      best = {.rows = kernels.max_rows[vectors - 1],
              .vectors = vectors,
              .columns = vectors * kernels.vector_floats};
    }
  }
  return best;
}

GemmBlocking choose_gemm_blocking(const KernelTable& kernels, std::int64_t m, std::int64_t n,
                                  std::int64_t k) {
  // An empty product gets the blocking of a product of one.
  m = std::max<std::int64_t>(m, 1);
  n = std::max<std::int64_t>(n, 1);
  k = std::max<std::int64_t>(k, 1);
  GemmBlocking blocking;
  blocking.kc = EvenSplit(k, kKc).size(0);
  blocking.tile = choose_tile(kernels, std::min(m, kMc), std::min(n, kNb), blocking.kc);
  blocking.mc = EvenSplit(m, kMc).size(0);
  blocking.nb = round_up(std::min(n, kNb), blocking.tile.columns);
  blocking.nc = round_up(std::min(n, kNc), blocking.nb);
  return blocking;
}

GemmBounds gemm_bounds(const KernelTable& kernels, std::int64_t m, std::int64_t n, std::int64_t k) {
  const std::int64_t kc = std::min(k, kKc);
  const std::int64_t nb = std::min(n, kNb) + kMaxTileVectors * kernels.vector_floats;
  return {.b_floats = kc * (std::min(n, kNc) + nb), .a_floats = std::min(m, kMc) * kc};
}

}  // namespace tilewise::simd
