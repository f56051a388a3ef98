#include "tilewise/simd/blocking.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "tilewise/core/workspace.hpp"

namespace tilewise::simd {
namespace {

// GEMM's constants. A panel of B (kc x tile.columns) is read once for every tile of A and should stay
// in L1; a block of A (mc x kc) is read once for every panel of B and should stay in L2.
//   kc = 256: 256 x 16 columns x 4 bytes = 16 KB of a 32 KB L1 on AVX2. 512 on AVX-512, whose panels come from L2 in
//             time either way: C is read and written half as often. 1024 of a narrow C, whose time is A's: rows
//             of A are read in runs of 4 KB, and B, at most 256 KB, comes from L2.
//   mc = 168: 168 x 512 x 4 bytes = 336 KB of A, whole tiles of both 14 and 6 rows, and more than the usual batch
//             of 128: then no other rows read the panels of B, which need not be kept.
//   many_rows = 84: from there on products by wide vectors take the widest tile.
//   nb = 1024: 1 or 2 MB of B, in L3, from where a panel is read once for every block of A, which is packed
//             once for as many columns.
//   narrow_rows = 504: a task goes through all its rows before it advances in k. Of a C of few columns so
//             few rows that the pages of A are not forgotten in between; of a wider one as many as there
//             are, for B is packed for them.
constexpr std::int64_t kKc = 256;
constexpr std::int64_t kWideKc = 512;
constexpr std::int64_t kNarrowKc = 1024;
constexpr std::int64_t kMc = 168;
constexpr std::int64_t kManyRows = 84;
constexpr std::int64_t kNb = 1024;
constexpr std::int64_t kNarrowRows = 3 * kMc;
// At the end threads wait for the last task; by so much of one on average, for machines are shared.
constexpr double kWait = 0.2;
// Cycles that an element of A or B costs once more, and a task.
constexpr double kReading = 0.1, kPacking = 0.4, kTask = 1000;
// With so few tiles of rows packing B costs as much as it saves. For less than so many rows it does, too, unless the
// rows of B are a multiple of kAliasing floats apart: then a panel finds no room in L1 as it is. The limit is higher
// for wide vectors, for a panel's rows are longer there, and better to fetch; of others it is low where panels lie in
// few pages, and are packed on the way.
constexpr std::int64_t kUnpackedTiles = 2;
constexpr std::int64_t kFewUnpackedRows = 24, kUnpackedRows = 84, kWideUnpackedRows = 256;
constexpr std::int64_t kAliasing = 256;
// Panels of rows of so many floats, two cache lines, are packed on the way: their stores cost less than reading B
// twice. So are narrower ones that lie in so many pages, which the processor still finds quickly. Others touch too
// many for the data in them: B is packed ahead, read from end to end.
constexpr std::int64_t kPackedOnTheWay = 32;
constexpr std::int64_t kPageFloats = 1024, kPagesOnTheWay = 160;
// Panels of a transposed B have to be laid out. Up to so many rows wait for each, and find it best in one place in
// cache; of more rows all panels are laid out ahead, for L2 delivers them fast enough.
constexpr std::int64_t kRowsPanelByPanel = 64;

/// Rows a whole number of cache lines long, and one more: at a power of two apart, all would want the
/// same few places in L1.
std::int64_t a_row_floats_of(std::int64_t kc) { return round_up(kc, 16) + 16; }

/// Terms of a sum that are added up in registers, at most: for a C of n columns.
std::int64_t kc_limit(const KernelTable& kernels, std::int64_t n) {
  return n <= kNarrowColumns ? kNarrowKc : has_wide_vectors(kernels) ? kWideKc : kKc;
}

/// Cycles of `rows` rows of so many vectors, in so many tiles of equal height, in the model that blocking.hpp states.
double panel_cycles(std::int64_t rows, std::int64_t tiles, std::int64_t vectors, std::int64_t k) {
  constexpr double kLatency = 4;
  constexpr double kTileCost = 20;
  const auto r = static_cast<double>(rows), t = static_cast<double>(tiles), v = static_cast<double>(vectors);
  // Multiply-adds, loads, latency; and all instructions, three of which are the loop's where it is not
  // unrolled.
  const double step = std::max({r * v / 2, (r + t * v) / 2, t * kLatency, (r * v + r + t * (v + 3)) / 4});
  return static_cast<double>(k) * step + r * v + t * kTileCost;
}

}  // namespace

bool has_wide_vectors(const KernelTable& kernels) { return kernels.vector_floats >= 16; }

TileShape tallest_tile(const KernelTable& kernels, std::int64_t vectors) {
  return {.rows = kernels.max_rows[vectors - 1], .vectors = vectors, .columns = vectors * kernels.vector_floats};
}

TileShape widest_tile(const KernelTable& kernels) { return tallest_tile(kernels, kMaxTileVectors); }

std::string TileShape::to_string() const {
  return std::to_string(rows) + "x" + std::to_string(vectors);
}

TileShape choose_tile(const KernelTable& kernels, std::int64_t m, std::int64_t n, std::int64_t k) {
  const std::int64_t all = vectors_of(kernels, n);
  TileShape best;
  double best_cycles = std::numeric_limits<double>::infinity();
  for (std::int64_t vectors = 1; vectors <= std::min<std::int64_t>(kMaxTileVectors, all); ++vectors) {
    const std::int64_t tiles = ceil_div(m, kernels.max_rows[vectors - 1]), panels = all / vectors;
    double cycles = static_cast<double>(panels) * panel_cycles(m, tiles, vectors, k);
    if (const std::int64_t rest = all - panels * vectors; rest != 0) cycles += panel_cycles(m, tiles, rest, k);
    if (cycles < best_cycles) {
      best_cycles = cycles;
      best = tallest_tile(kernels, vectors);
    }
  }
  return best;
}

// One whole vector, its factors from memory, does as well as two halves: it is judged as those.
bool wastes_vectors(const KernelTable& kernels, std::int64_t n) {
  constexpr int kLeastVectors = 2;
  const std::int64_t width = kernels_for_columns(kernels, n, kLeastVectors).vector_floats;
  return n <= kNarrowColumns && (n <= width || 10 * n < 9 * round_up(n, width));
}

std::int64_t task_count(double multiply_adds, int threads, std::int64_t per_thread) {
  constexpr double kTaskWork = 250'000, kLeastWork = 125'000;
  if (threads == 1) return 1;
  const auto worth = static_cast<std::int64_t>(multiply_adds / kTaskWork);
  const auto least = std::min<std::int64_t>(threads, static_cast<std::int64_t>(multiply_adds / kLeastWork));
  return std::clamp<std::int64_t>(worth, std::max<std::int64_t>(1, least), per_thread * threads);
}

namespace {

/// Ways of L1: so many of the lines that are a multiple of 4 KB apart.
constexpr std::int64_t kWays = 8;
/// Floats of half of an L1 of 32 KB.
constexpr std::int64_t kHalfOfL1 = 4096;

/// The tile of short sums by wide vectors, if any: of 16 sums. Zen 4 stores one vector of AVX-512 in two cycles, so
/// that the stores of a taller tile would delay the next. As wide as C if that is a panel, whose rows of B lie side by
/// side; of two vectors where B is transposed, which is packed.
std::optional<TileShape> low_tile(const KernelTable& kernels, Transpose transpose_b, std::int64_t n, std::int64_t k) {
  constexpr std::int64_t kFewSums = 16;
  const std::int64_t vectors = vectors_of(kernels, n);
  const bool is_panel = vectors <= kMaxTileVectors && vectors * kernels.vector_floats == n;
  if (!has_wide_vectors(kernels) || k > kShortSum || !(is_panel || transpose_b == Transpose::yes)) return std::nullopt;
  TileShape tile = tallest_tile(kernels, is_panel ? vectors : std::min<std::int64_t>(vectors, 2));
  if (k * tile.columns > kHalfOfL1) return std::nullopt;  // B's panel is read for every few rows: L2 is too slow
  tile.rows = std::min(tile.rows, kFewSums / tile.vectors);
  return tile;
}

TileShape choose_gemm_tile(const KernelTable& kernels, const GemmShape& shape, std::int64_t m, std::int64_t n,
                           std::int64_t k) {
  if (const std::optional<TileShape> low = low_tile(kernels, shape.transpose_b, n, k)) return *low;
  // A large C, or one that is a panel, by wide vectors: the tile of most vectors reads A, from L2, half as often as the
  // tallest.
  const TileShape widest = widest_tile(kernels);
  if (has_wide_vectors(kernels) && (m >= kManyRows ? n >= widest.columns : n == widest.columns)) return widest;
  // Others as the model has it, if there is a choice.
  const std::int64_t vectors = vectors_of(kernels, n);
  TileShape tile =
      vectors <= 2 ? tallest_tile(kernels, vectors)
                   : choose_tile(kernels, std::min(m, kManyRows), std::min(n, kNb), std::min(k, kc_limit(kernels, n)));
  // Of a narrow C, for which A is mostly read in place, no taller than L1 has ways, for rows of A that are a multiple
  // of 4 KB apart all want the same set, and than fetch_a serves; if sums are long enough for that to matter.
  const bool limited = n <= kNarrowColumns && k > kShortSum && shape.transpose_a == Transpose::no;
  if (limited) tile.rows = std::min(tile.rows, kWays);
  return tile;
}

/// Of a B that is not transposed.
PackB choose_pack_b(const KernelTable& kernels, const GemmShape& product, const TileShape& tile, std::int64_t kc) {
  const bool b_in_l1 = product.k * product.n <= kHalfOfL1;
  const bool is_panel = product.n == tile.columns && product.ldb == tile.columns;  // as if it were packed
  const bool few_pages = kc * std::min(product.ldb, kPageFloats) <= kPagesOnTheWay * kPageFloats;
  const std::int64_t unpacked_rows =
      has_wide_vectors(kernels) ? kWideUnpackedRows : few_pages ? kFewUnpackedRows : kUnpackedRows;
  const bool few_rows = product.m < unpacked_rows && product.ldb % kAliasing != 0;
  if (product.m <= kUnpackedTiles * tile.rows || b_in_l1 || is_panel || few_rows) return PackB::never;
  return few_pages || tile.columns >= kPackedOnTheWay ? PackB::on_the_way : PackB::ahead;
}

/// What tells one way to divide a product from another.
struct DivisionCosts {
  std::int64_t vector_floats;
  const TileShape& tile;
  double a_cost, b_cost;  ///< cycles of an element that is read once more
};

/// Into how many blocks rows and panels of C are cut.
struct Blocks {
  std::int64_t rows, panels;
};

/// Tasks no larger than the caches like, then smaller ones until there are enough. A block of rows more means packing
/// B, or reading it, once more; a block of panels the same for A.
Blocks divide(const GemmShape& product, const DivisionCosts& costs, int threads) {
  const std::int64_t m = product.m, n = product.n;
  const Blocks least{n <= kNarrowColumns ? ceil_div(m, kNarrowRows) : 1, ceil_div(n, kNb)};
  const std::int64_t tasks = task_count(gemm_multiply_adds(m, n, product.k), threads);
  if (tasks <= least.rows * least.panels) return least;
  const std::int64_t tiles = ceil_div(m, costs.tile.rows), panels = ceil_div(n, costs.tile.columns);
  // Cycles until all threads are done with the tasks.
  const auto cycles = [&](const Blocks& blocks) {
    const auto rows = static_cast<double>(ceil_div(m, blocks.rows));
    const auto columns = static_cast<double>(ceil_div(panels, blocks.panels) * costs.tile.columns);
    const double task = rows * columns / static_cast<double>(2 * costs.vector_floats) + rows * costs.a_cost +
                        columns * costs.b_cost;
    return (task * static_cast<double>(product.k) + kTask) *
           (static_cast<double>(ceil_div(blocks.rows * blocks.panels, threads)) + kWait);
  };
  Blocks best = least;
  double fewest = cycles(least);
  for (std::int64_t r = least.rows; r <= std::min(tiles, tasks); ++r) {
    for (std::int64_t p = least.panels; p <= std::min(panels, tasks / r); ++p) {
      const double these = cycles({r, p});
      if (these < fewest) {
        fewest = these;
        best = {r, p};
      }
    }
  }
  return best;
}

/// All rows of a block of C at once, or as many whole tiles as make the fewest blocks of A.
std::int64_t choose_mc(std::int64_t rows, std::int64_t tile_rows) {
  return rows <= kMc ? rows : EvenSplit(ceil_div(rows, tile_rows), kMc / tile_rows).size(0) * tile_rows;
}

}  // namespace

GemmBlocking choose_gemm_blocking(const KernelTable& widest, const GemmShape& shape, int threads) {
  const KernelTable& kernels = kernels_for_columns(widest, shape.n);
  // An empty product gets the blocking of a product of one.
  const std::int64_t m = std::max<std::int64_t>(shape.m, 1);
  const std::int64_t n = std::max<std::int64_t>(shape.n, 1);
  const std::int64_t k = std::max<std::int64_t>(shape.k, 1);
  const TileShape tile = choose_gemm_tile(kernels, shape, m, n, k);
  const std::int64_t panels = ceil_div(n, tile.columns);
  const std::int64_t kc = EvenSplit(k, kc_limit(kernels, n)).size(0);
  const GemmShape product{.m = m, .n = n, .k = k, .ldb = shape.ldb};
  const bool transposed_b = shape.transpose_b == Transpose::yes;
  const PackB pack_b = transposed_b ? PackB::ahead : choose_pack_b(kernels, product, tile, kc);
  // Rows of A are read from end to end: in place will do, unless they are columns, or a multiple of half
  // a page apart, where all want the same few places in L1.
  const bool a_in_place = shape.transpose_a == Transpose::no && shape.lda % 512 != 0;

  const Blocks blocks = divide(product,
                               {.vector_floats = kernels.vector_floats,
                                .tile = tile,
                                .a_cost = a_in_place ? kReading : kPacking,
                                .b_cost = pack_b == PackB::never ? kReading : kPacking},
                               threads);
  GemmBlocking blocking{.kernels = &kernels,
                        .tile = tile,
                        .rows = EvenSplit::into(m, blocks.rows),
                        .panels = EvenSplit::into(panels, blocks.panels)};
  const bool few_rows_wait = transposed_b && blocking.rows.size(0) <= kRowsPanelByPanel;
  blocking.pack_b = few_rows_wait ? PackB::panel_by_panel : pack_b;
  blocking.pack_a = !a_in_place && blocking.panels.size(0) > 3;
  // What is read once comes from far, and in rows whose beginnings the processor cannot foretell.
  blocking.fetch_a = blocking.panels.size(0) == 1 && kc > kShortSum && shape.transpose_a == Transpose::no;
  blocking.kc = kc;
  blocking.mc = choose_mc(blocking.rows.size(0), tile.rows);
  return blocking;
}

// At least eight rows: fewer sums of one vector would not hide the latency of a multiply-add; no more for its sake, as
// rows of A may share a set of L1. Half a vector is left to kernels of half the width, which load half as much.
PanelTile GemmBlocking::last_panel_tile(std::int64_t columns) const {
  if (columns > tile.columns - kernels->vector_floats) return {*kernels, tile.rows};
  const bool is_half = 2 * columns <= kernels->vector_floats;
  const KernelTable& narrow = is_half ? kernels_for_columns(*kernels, columns) : *kernels;
  return {narrow, std::min(std::max(tile.rows, kWays), narrow.max_rows[vectors_of(narrow, columns) - 1])};
}

std::int64_t GemmBlocking::a_row_floats() const { return a_row_floats_of(kc); }

std::int64_t GemmBlocking::a_floats() const { return pack_a ? mc * a_row_floats() : 0; }

std::int64_t GemmBlocking::b_floats() const {
  return round_up_to_line(kc * panels.size(0) * tile.columns);
}

std::int64_t most_gemm_steps(std::int64_t k) { return ceil_div(k, kKc); }

std::int64_t gemm_block_bound(const KernelTable& kernels, std::int64_t m, std::int64_t n,
                              std::int64_t k) {
  const auto bound = [&](std::int64_t most_columns, std::int64_t most_terms) {
    const std::int64_t kc = std::min(k, most_terms);
    const std::int64_t columns = std::min(n, most_columns) + kMaxTileVectors * kernels.vector_floats;
    return std::min(m + kMaxTileRows, kMc) * a_row_floats_of(kc) + round_up_to_line(kc * columns);
  };
  return std::max(bound(kNarrowColumns, kNarrowKc), bound(kNb, has_wide_vectors(kernels) ? kWideKc : kKc));
}

}  // namespace tilewise::simd
