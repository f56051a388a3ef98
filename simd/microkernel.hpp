#pragma once

#include <cstdint>

namespace tilewise::simd {

/// What happens to the sums of a tile before they are stored in C.
enum class Epilogue : std::uint8_t {
  store,  ///< C = acc
  add,    ///< C = C + acc
  bias,   ///< C = max(floor, acc + bias): a floor of 0 is ReLU, of -infinity none
};

/// What is done for rows of B before they are used, and after.
enum class BRows : std::uint8_t {
  near,     ///< nothing
  far,      ///< tiles of few rows fetch them: not yet in cache, and too far apart for the processor to see a pattern
  packing,  ///< the same, and copied side by side
};

/// What TileArgs::a_offsets and b_offsets point to where there is one pair.
inline constexpr std::int64_t kNoOffset = 0;

/// Arguments of the one micro-kernel, a batch-reduce matrix product on an MR x (NV vectors) tile
/// held in registers (E. Georganas et al., "High-performance deep learning via a single building
/// block", arXiv:1906.06440):
///
///   acc(m, n) = sum over pair, k of A_pair(m, k) * B_pair(k, n)
///   C(m, n)   = epilogue(acc(m, n))        for m < MR, n < columns
///
/// and so for `tiles` tiles, each MR rows below the last, of A as of C, with the same B: a call costs as much as dozens
/// of multiply-adds.
///
/// A_pair starts at a + a_offsets[pair]; A(m, k) = a[m * a_row_stride + k * a_k_stride], one of the
/// strides being 1, serves plain, transposed and packed matrices and the pixels of an image alike.
/// B_pair starts at b + b_offsets[pair]; B(k, n) = b[k * ldb + n] must be readable for all NV vectors;
/// what lies past `columns` is ignored. It is read fastest where ldb is the tile's width. The order of the sum is
/// fixed: pairs in order, k in order, one fused multiply-add each (multiply, then add, where the instruction set has
/// no FMA).
struct TileArgs {
  const float* a = nullptr;
  const float* b = nullptr;
  float* c = nullptr;
  const std::int64_t* a_offsets = nullptr;  ///< in floats, one a pair
  const std::int64_t* b_offsets = nullptr;
  std::int64_t tiles = 1;  ///< a single one with BRows::packing
  std::int64_t pairs = 0;
  std::int64_t k = 0;  ///< length of the sum in each pair
  std::int64_t a_row_stride = 0;
  std::int64_t a_k_stride = 0;
  std::int64_t ldb = 0;
  std::int64_t ldc = 0;
  std::int64_t columns = 0;  ///< from (NV - 1) * vector width + 1 to NV * vector width
  BRows b_rows = BRows::near;
  /// Meanwhile tiles of up to eight rows fetch the next tile's rows of A into L2, or, where its columns are contiguous
  /// and B is packed, wide vectors the next lines of these.
  bool fetches_a = false;
  const float* ahead = nullptr;  ///< memory that is wanted later, fetched into L2
  std::int64_t ahead_lines = 0;  ///< of 16 floats, with each tile
  float* packed_b = nullptr;  ///< where BRows::packing copies to; wants one pair and columns of whole vectors
  Epilogue epilogue = Epilogue::store;
  const float* bias = nullptr;  ///< `columns` values
  float floor = 0;              ///< with Epilogue::bias; NaN sums stay NaN
};

using TileKernel = void (*)(const TileArgs&) noexcept;

inline constexpr int kMaxTileRows = 14;
inline constexpr int kMaxTileVectors = 4;

/// Rows of the tallest tile that keeps everything in registers: rows * vectors accumulators, one row
/// of B, one broadcast value of A and, without FMA, one product. With 32 registers that is 14x2, 9x3
/// and 6x4; with 16 it is 6x2 and 4x3.
constexpr int max_tile_rows(int vectors, int registers, bool has_fma) {
  const int rows = (registers - vectors - 1 - (has_fma ? 0 : 1)) / vectors;
  return rows < kMaxTileRows ? rows : kMaxTileRows;
}

}  // namespace tilewise::simd
