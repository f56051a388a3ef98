#pragma once

#include <cstdint>

namespace tilewise::simd {

// Winograd's minimal filtering F(2x2, 3x3): 2 x 2 outputs of a 3 x 3 convolution with stride 1, from the 4 x 4
// pixels that they see, by 16 products instead of 36 (A. Lavin, S. Gray, "Fast algorithms for convolutional
// neural networks", arXiv:1509.09308):
//
//   dst = A' [(G wei G') * (B' src B)] A      * element by element, summed over input channels before A
//
//        | 1  0 -1  0 |        | 1    0   0  |
//   B' = | 0  1  1  0 |    G = | 1/2  1/2 1/2|    A' = | 1  1  1  0 |
//        | 0 -1  1  0 |        | 1/2 -1/2 1/2|         | 0  1 -1 -1 |
//        | 0  1  0 -1 |        | 0    0   1  |
//
// An output depends on just the pixels that it depends on in the direct convolution. For the same tiles the gradient
// of the filters is, A, B and G as above and the sum over tiles,
//
//   d_wei = G' [sum of (B' src B) * (A d_dst A')] G

/// Positions of a transformed tile.
inline constexpr std::int64_t kWinogradPositions = 16;
/// Filter taps; and the position from which on they wait to be transformed.
inline constexpr std::int64_t kWinogradTaps = 9;
inline constexpr std::int64_t kFirstWinogradTap = kWinogradPositions - kWinogradTaps;

/// A tile: 4 x 4 pixels of src that make 2 x 2 of dst. What lies outside the image is zero; so is what no wanted
/// output sees, for in the gradient it would meet a zero, and might be NaN.
struct WinogradTile {
  std::int64_t src, dst;  ///< offsets of pixel (0, 0), which may be outside, and of output (0, 0)
  std::int32_t first_row, end_row, first_column, end_column;  ///< of the 4 x 4 those read
  std::int32_t rows, columns;                                 ///< of the 2 x 2 those wanted
};

/// Tiles, and their transforms: position p of tile t at transformed + p * plane + t * tile_stride.
struct WinogradArgs {
  const WinogradTile* tiles = nullptr;
  std::int64_t count = 0;
  std::int64_t channels = 0;      ///< of src or dst that are worked on
  std::int64_t pixel_stride = 0;  ///< of src or dst
  std::int64_t row_stride = 0;
  std::int64_t plane = 0, tile_stride = 0;
};

/// Where sums over tiles are, position p of filter (row, column) at sums + p * plane + row * row_stride + column,
/// and where the gradients of its taps are to be added.
struct WinogradFilters {
  std::int64_t rows = 0, columns = 0;
  std::int64_t plane = 0, row_stride = 0;
  std::int64_t tap_stride = 0, wei_row_stride = 0;
};

}  // namespace tilewise::simd
