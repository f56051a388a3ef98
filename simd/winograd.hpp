#pragma once

#include <cstdint>

namespace tilewise::simd {

// Winograd's minimal filtering F(m x m, 3 x 3): m x m outputs of a 3 x 3 convolution with stride 1, m = 2 or 4, from
// the n x n pixels that they see, n = m + 2, by n^2 products instead of 9 m^2 (A. Lavin, S. Gray, "Fast algorithms for
// convolutional neural networks", arXiv:1509.09308):
//
//   dst = A' [(G wei G') * (B' src B)] A      * element by element, summed over input channels before A
//
// Rows of pixels and taps are polynomials, which are multiplied by their values at n points, in pairs: 0 and infinity,
// and m / 2 pairs p and -p. For m = 2 there is one such, p = 1, and nothing is multiplied but halves:
//
//        | 1  0 -1  0 |        | 1    0   0  |
//   B' = | 0  1  0 -1 |    G = | 0    0   1  |    A' = | 1  0  1  1 |
//        | 0  1  1  0 |        | 1/2  1/2 1/2|         | 0 -1  1 -1 |
//        | 0 -1  1  0 |        | 1/2 -1/2 1/2|
//
// For m = 4 there are two, p and q, and P = p^2 q^2, S = p^2 + q^2, N = 2 p^2 (p^2 - q^2), M = 2 q^2 (q^2 - p^2):
//
//        | P   0      -S    0   1  0 |       | 1/P  0   0     |
//        | 0   P       0   -S   0  1 |       | 0    0   1     |        | 1 0  1   1    1   1   |
//   B' = | 0  -p q^2  -q^2  p   1  0 |   G = | 1/N  p/N p^2/N |   A' = | 0 0  p  -p    q  -q   |
//        | 0   p q^2  -q^2 -p   1  0 |       | 1/N -p/N p^2/N |        | 0 0  p^2 p^2  q^2 q^2 |
//        | 0  -p^2 q  -p^2  q   1  0 |       | 1/M  q/M q^2/M |        | 0 1  p^3 -p^3 q^3 -q^3|
//        | 0   p^2 q  -p^2 -q   1  0 |       | 1/M -q/M q^2/M |
//
// Its sums lose digits: p = 5/8 and q = 3/2 let errors grow almost least of all pairs, half as much as 1 and 2 do.
//
// With m = 2 an output depends on just the pixels that it depends on in the direct convolution. With m = 4 it does but
// for rounding. What is not a number, or infinite, makes outputs NaN whose window is a row or two away in the tile; and
// where all that an output depends on is zero, its sum would be some 1e-7 of what is beside it. But zero it has to be:
// images have blank parts, biases begin at zero, and ReLU's gradient goes by the sign of what it is given. Filters that
// are not finite do not show there.
//
// For the same tiles the gradient of the filters is, A, B and G as above and the sum over tiles,
//
//   d_wei = G' [sum of (B' src B) * (A d_dst A')] G
//
// to which each pair of rows of the sum adds on its own.

/// m: outputs of a tile along an axis.
enum class WinogradSize : std::int8_t { two = 2, four = 4 };
inline constexpr WinogradSize kWinogradSizes[] = {WinogradSize::two, WinogradSize::four};

constexpr std::int64_t winograd_outputs(WinogradSize size) { return static_cast<std::int64_t>(size); }
/// n: pixels along an axis; and positions of a transformed tile.
constexpr std::int64_t winograd_pixels(WinogradSize size) { return winograd_outputs(size) + 2; }
constexpr std::int64_t winograd_positions(WinogradSize size) { return winograd_pixels(size) * winograd_pixels(size); }
inline constexpr std::int64_t kMostWinogradPositions = winograd_positions(WinogradSize::four);
/// Pairs of rows of positions.
constexpr std::int64_t winograd_pairs(WinogradSize size) { return winograd_pixels(size) / 2; }
inline constexpr std::int64_t kWinogradTaps = 9;

/// Some of these pairs; by default all.
struct WinogradPairs {
  std::int64_t first = 0, end = winograd_pairs(WinogradSize::four);
};

/// A tile: n x n pixels of src that make m x m of dst. What lies outside the image is zero; so is what no wanted
/// output sees, for in the gradient it would meet a zero, and might be NaN.
struct WinogradTile {
  std::int64_t src, dst;  ///< offsets of pixel (0, 0), which may be outside, and of output (0, 0)
  std::int32_t first_row, end_row, first_column, end_column;  ///< of the n x n those read
  std::int32_t rows, columns;                                 ///< of the m x m those wanted
  /// Bit n i + j: all pixels that output (i, j) depends on in the direct convolution are zero. It is exactly the bias.
  std::uint64_t blank;
};

/// Tiles, and their transforms: position p of tile t, counted from the first of `pairs`, at transformed + p * plane +
/// t * tile_stride.
struct WinogradArgs {
  WinogradSize size = WinogradSize::two;
  const WinogradTile* tiles = nullptr;
  std::int64_t count = 0;
  std::int64_t channels = 0;      ///< of src or dst that are worked on
  std::int64_t pixel_stride = 0;  ///< of src or dst; strides are in floats
  std::int64_t row_stride = 0;
  std::int64_t plane = 0, tile_stride = 0;
  WinogradPairs pairs = {};  ///< of pixels' or gradients' transforms those made
};

/// Filters: tap t of filter i at taps + t * tap_stride + i, position p at planes + p * plane + i. Taps may lie where
/// the last nine positions go.
struct WinogradFilters {
  WinogradSize size = WinogradSize::two;
  std::int64_t count = 0;
  const float* taps = nullptr;
  std::int64_t tap_stride = 0;
  float* planes = nullptr;
  std::int64_t plane = 0;
};

/// Sums over tiles, position p of filter (row, column), counted from the first of `pairs`, at sums + p * plane +
/// row * row_stride + column; and where what they come to is to be added to the gradient of its tap t: at d_wei +
/// t * tap_stride + row * wei_row_stride + column.
struct WinogradSums {
  WinogradSize size = WinogradSize::two;
  WinogradPairs pairs = {};
  std::int64_t rows = 0, columns = 0;
  std::int64_t plane = 0, row_stride = 0;
  std::int64_t tap_stride = 0, wei_row_stride = 0;
};

}  // namespace tilewise::simd
