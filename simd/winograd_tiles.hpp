#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tilewise/simd/blocking.hpp"
#include "tilewise/simd/conv_algorithm.hpp"
#include "tilewise/simd/conv_shape.hpp"
#include "tilewise/simd/kernel_table.hpp"
#include "tilewise/simd/winograd.hpp"

namespace tilewise::simd {

/// The tiles of images of a 3 x 3 convolution with a stride of 1, row by row and image by image.
class WinogradTiles {
 public:
  WinogradTiles(const ConvShape& shape, WinogradSize size);

  std::int64_t count(std::int64_t images) const { return images * rows_ * columns_; }
  /// Tiles [first, first + count), with offsets from the first image on.
  void list(std::int64_t first, std::int64_t count, WinogradTile* tiles) const;

 private:
  ConvShape shape_;
  std::int64_t outputs_;         ///< of a tile along an axis
  std::int64_t rows_, columns_;  ///< of an image
};

/// Whether `shape` is such a convolution.
bool has_winograd_tiles(const ConvShape& shape);

/// Multiply-adds of an image by Winograd's filtering, forward or of a gradient.
double winograd_multiply_adds(const ConvShape& shape, WinogradSize size);

/// The kernels for a convolution: those of its output channels; and where these are one vector at most, of half its
/// width if transforms of the input's channels would leave half of one empty.
const KernelTable& winograd_kernels(const KernelTable& kernels, const ConvShape& shape);

/// What Winograd's filtering takes beside its products, in multiply-adds of vectors.
struct WinogradCosts {
  double transform_2x2, transform_4x4;  ///< of a vector of channels of a tile
  double once;  ///< whatever the number of tiles, for a position, an input channel and a vector of output channels
};

/// The size of tiles with which an image takes least, of those that `algorithm` allows; none where the direct way takes
/// less.
std::optional<WinogradSize> choose_winograd_size(const KernelTable& kernels, const ConvShape& shape,
                                                 ConvAlgorithm algorithm, const WinogradCosts& costs);

/// "winograd 4x4": outputs of a tile.
std::string winograd_name(WinogradSize size);

/// From one tile's `channels` channels to the next's: whole lines, and not a power of two apart where that is long.
std::int64_t winograd_tile_floats(std::int64_t channels);
/// From one position of so many tiles to the next: planes a power of two apart would all want the same few places
/// in L1.
std::int64_t winograd_plane_floats(std::int64_t tiles, std::int64_t tile_floats);

}  // namespace tilewise::simd
