#pragma once

#include <bit>
#include <cstdint>
#include <string>

#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {

// Nothing is divided where all is in one piece: a dozen divisions take longer than a small product.
constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return 0 < a && a <= b ? 1 : (a + b - 1) / b; }
constexpr std::int64_t round_up(std::int64_t a, std::int64_t b) { return ceil_div(a, b) * b; }

/// Vectors that hold so many floats; without a division, for a vector's are a power of two.
inline std::int64_t vectors_of(const KernelTable& kernels, std::int64_t floats) {
  return (floats + kernels.vector_floats - 1) >> std::countr_zero(static_cast<std::uint64_t>(kernels.vector_floats));
}

/// `total` things in the fewest pieces of at most `most`, sizes differing by at most one: 26 rows in
/// tiles of up to 14 are 13 + 13, not 14 + 12.
struct EvenSplit {
  EvenSplit(std::int64_t total, std::int64_t most)
      : pieces(total <= most ? 1 : ceil_div(total, most)),
        base(pieces == 1 ? total : total / pieces),
        longer(total - pieces * base) {}

  /// In at most so many pieces.
  static EvenSplit into(std::int64_t total, std::int64_t most_pieces) {
    return {total, most_pieces == 1 ? total : ceil_div(total, most_pieces)};
  }

  std::int64_t pieces;
  std::int64_t begin(std::int64_t i) const { return i * base + (i < longer ? i : longer); }
  std::int64_t size(std::int64_t i) const { return base + (i < longer ? 1 : 0); }

  std::int64_t base;    ///< size of the shorter pieces
  std::int64_t longer;  ///< how many have one more
};

/// `total` things in just so many pieces, sizes differing by at most one, longer and shorter ones mixed: half of the
/// pieces, one after the other, are half of the things, for threads to share.
struct MixedSplit {
  std::int64_t total, pieces;
  std::int64_t begin(std::int64_t i) const { return i * total / pieces; }
  std::int64_t size(std::int64_t i) const { return begin(i + 1) - begin(i); }
};

/// A tile of the micro-kernel: at most `rows` rows of `vectors` vectors, `columns` floats wide.
struct TileShape {
  std::int64_t rows = 1;
  std::int64_t vectors = 1;
  std::int64_t columns = 1;

  std::string to_string() const;  ///< "6x2": rows x vectors
};

/// Whether vectors are AVX-512's, with 32 registers of 16 floats.
bool has_wide_vectors(const KernelTable& kernels);

/// The tallest tile of so many vectors.
TileShape tallest_tile(const KernelTable& kernels, std::int64_t vectors);

/// The tile of the most vectors. Where vectors are wide it suits large products: of all tiles it reads A least often.
TileShape widest_tile(const KernelTable& kernels);

/// The tile that should multiply (m x k) by (k x n) fastest, by a small model of the core: two
/// multiply-adds, two loads and four instructions a cycle, four cycles from one multiply-add to the next
/// on the same accumulator, a cycle to store each vector of C, and a fixed cost a tile. Ties go to the
/// narrower tile, whose panel of B is smaller.
TileShape choose_tile(const KernelTable& kernels, std::int64_t m, std::int64_t n, std::int64_t k);

/// C of no more columns is narrow: its sums are cut by k alone.
inline constexpr std::int64_t kNarrowColumns = 64;

/// Sums of no more terms are short: what begins and ends a tile takes a good part of its time.
inline constexpr std::int64_t kShortSum = 128;

/// Whether vectors along the rows of a narrow C of n columns do badly: more than a tenth of their lanes would be
/// idle, or there is one only, so that tiles load as often as they multiply.
bool wastes_vectors(const KernelTable& kernels, std::int64_t n);

/// What a multiply-add takes one thread, to decide whether a loop is worth more.
inline constexpr double kMultiplyAddNanoseconds = 0.02;

constexpr double gemm_multiply_adds(std::int64_t m, std::int64_t n, std::int64_t k) {
  return static_cast<double>(m * n) * static_cast<double>(k);
}

/// Tasks that so many multiply-adds should be cut into: a few a thread, for balance, but none of less than some
/// five microseconds, or half as much if there would be less than one a thread.
std::int64_t task_count(double multiply_adds, int threads, std::int64_t per_thread = 4);

/// Whether a matrix lies in memory as it is or transposed.
enum class Transpose : std::uint8_t { no, yes };

/// A product C (m x n) = op(A) op(B), as far as blocking cares.
struct GemmShape {
  Transpose transpose_a = Transpose::no;
  Transpose transpose_b = Transpose::no;
  std::int64_t m = 0, n = 0, k = 0;
  std::int64_t lda = 0, ldb = 0;
};

/// When panels of B are copied to where they lie packed.
enum class PackB : std::uint8_t {
  never,           ///< they are read in place
  ahead,           ///< all of a task's, before they are multiplied
  panel_by_panel,  ///< each just before it is multiplied, all into the same place
  on_the_way,      ///< by the first rows of C they are multiplied for (BRows::packing)
};

/// What a panel of C is multiplied with.
struct PanelTile {
  const KernelTable& kernels;
  std::int64_t rows;
};

/// How the GEMM loops are cut. Each task computes a block of C (rows x panels): it goes through k in
/// steps of kc, packs its part of B, if at all, and for every mc rows packs A and multiplies.
///
/// An element of C is summed in the order of k, in registers for kc terms at a time. kc depends on k
/// and n alone; the rest may go by m and even the number of threads, for it decides who computes an element
/// and when, not how.
struct GemmBlocking {
  const KernelTable* kernels;  ///< to run it with
  TileShape tile;
  EvenSplit rows;       ///< of C, in blocks, one a task
  EvenSplit panels;     ///< of C and B, tile.columns wide, in blocks of panels, one a task
  std::int64_t mc = 0, kc = 0;  ///< mc is all rows of a block, or a multiple of tile.rows
  bool pack_a = false;
  bool fetch_a = false;  ///< whether tiles fetch the next one's rows of A (TileArgs::fetches_a)
  PackB pack_b = PackB::never;

  /// For a panel of so many columns: `kernels` and `tile`, unless it is the last and of fewer vectors.
  PanelTile panel_tile(std::int64_t columns) const {
    return columns == tile.columns ? PanelTile{*kernels, tile.rows} : last_panel_tile(columns);
  }
  PanelTile last_panel_tile(std::int64_t columns) const;

  /// From one row of a packed block of A to the next.
  std::int64_t a_row_floats() const;
  /// Sizes of a thread's packed blocks of A and B, whole cache lines.
  std::int64_t a_floats() const;
  std::int64_t b_floats() const;
};
GemmBlocking choose_gemm_blocking(const KernelTable& kernels, const GemmShape& shape, int threads);

/// Into how many steps of kc a sum of at most k terms is cut at most.
std::int64_t most_gemm_steps(std::int64_t k);

/// Upper bound of a_floats() + b_floats() over all products no larger than m x n x k.
std::int64_t gemm_block_bound(const KernelTable& kernels, std::int64_t m, std::int64_t n,
                              std::int64_t k);

}  // namespace tilewise::simd
