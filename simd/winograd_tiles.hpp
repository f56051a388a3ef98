#pragma once

#include <cstdint>

#include "tilewise/simd/conv_shape.hpp"
#include "tilewise/simd/kernel_table.hpp"
#include "tilewise/simd/winograd.hpp"

namespace tilewise::simd {

/// The tiles of images of a 3 x 3 convolution with a stride of 1, row by row and image by image.
class WinogradTiles {
 public:
  explicit WinogradTiles(const ConvShape& shape);

  std::int64_t count(std::int64_t images) const { return images * rows_ * columns_; }
  /// Tiles [first, first + count), with offsets from the first image on.
  void list(std::int64_t first, std::int64_t count, WinogradTile* tiles) const;

 private:
  ConvShape shape_;
  std::int64_t rows_, columns_;  ///< of an image
};

/// Whether `shape` is such a convolution.
bool has_winograd_tiles(const ConvShape& shape);

/// Multiply-adds of an image by Winograd's filtering, forward or of a gradient.
double winograd_multiply_adds(const ConvShape& shape);

/// The kernels for a convolution: those of its output channels; and where these are one vector at most, of half its
/// width if transforms of the input's channels would leave half of one empty.
const KernelTable& winograd_kernels(const KernelTable& kernels, const ConvShape& shape);

/// What an image costs either way, in multiply-adds of vectors and what takes as long, for one vector of output
/// channels and one input channel. Transforming a vector of channels, with what products of few terms cost
/// beside them, was measured.
struct WinogradCost {
  double direct;    ///< padding left out
  double winograd;
};
WinogradCost winograd_cost(const KernelTable& kernels, const ConvShape& shape);

/// From one tile's `channels` channels to the next's: whole lines, and not a power of two apart where that is long.
std::int64_t winograd_tile_floats(std::int64_t channels);
/// From one position of so many tiles to the next: planes a power of two apart would all want the same few places
/// in L1.
std::int64_t winograd_plane_floats(std::int64_t tiles, std::int64_t tile_floats);

}  // namespace tilewise::simd
