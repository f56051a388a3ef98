#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tilewise/core/parallel.hpp"
#include "tilewise/core/workspace.hpp"
#include "tilewise/simd/blocking.hpp"
#include "tilewise/simd/conv_algorithm.hpp"
#include "tilewise/simd/conv_shape.hpp"
#include "tilewise/simd/kernel_table.hpp"
#include "tilewise/simd/winograd_tiles.hpp"

namespace tilewise::simd {

/// Convolution with 3 x 3 filters and a stride of 1 by Winograd's filtering (winograd.hpp), prepared for one shape;
/// immutable. A block of tiles is transformed, each of the 16 or 36 positions is a product (tiles x ic) times
/// (ic x oc), and these are transformed back. Backward data is the same of d_dst, with the filters transposed and
/// turned around both ways.
///
/// Its multiply-adds are 4/9 or 1/4 of the direct way's; transforming takes additions for every channel, so that it
/// pays where there are many. docs/tuning.md has what it gains, docs/performance.md how exact it is. Filters are packed
/// transformed, 16/9 or 4 times as large, unless that would be too much for caches: then they are packed as they are,
/// and each block transforms them. Each thread's scratch is for a block of tiles, however few there are.
class ConvWinograd {
 public:
  /// Whether it computes that pass of `shape`: backward data with padding of at most 2 above and at the left.
  static bool possible(const ConvShape& shape, ConvPass pass = ConvPass::forward);
  /// The size of tiles with which it is fastest, of those that `algorithm` allows; none where the direct way is faster.
  static std::optional<WinogradSize> choose(const KernelTable& kernels, const ConvShape& shape,
                                            ConvAlgorithm algorithm = ConvAlgorithm::automatic,
                                            ConvPass pass = ConvPass::forward);

  /// Throws ShapeError when `shape` is not a convolution, ArgumentError where that is not possible().
  ConvWinograd(const KernelTable& kernels, const ConvShape& shape, WinogradSize size,
               ConvPass pass = ConvPass::forward);

  std::string kernel() const { return winograd_name(size_); }
  std::int64_t packed_floats() const;   ///< of the packed filters
  std::int64_t scratch_floats() const;  ///< of each thread's workspace
  double multiply_adds() const { return winograd_multiply_adds(shape_, size_); }  ///< of an image

  /// Packs the filters (3, 3, ic, oc) as images() and batch() want them.
  void pack(const float* wei, float* packed) const;

  /// dst = max(floor, convolution + bias) for `images` images, one after the other in memory, perhaps none. A null bias
  /// is 0.
  void images(std::int64_t images, const float* src, const float* packed_wei, const float* bias, float floor,
              float* dst, Workspace scratch) const;
  /// The same on all threads; the workspace holds scratch_floats() for each.
  void batch(Executor& executor, std::int64_t images, const float* src, const float* packed_wei,
             const float* bias, float floor, float* dst, Workspace workspace) const;

  /// Backward data, which has neither bias nor floor: d_src of `images` images.
  void images(std::int64_t images, const float* d_dst, const float* packed_wei, float* d_src, Workspace scratch) const {
    this->images(images, d_dst, packed_wei, nullptr, kNoFloor, d_src, scratch);
  }
  /// The same on all threads, likewise.
  void batch(Executor& executor, std::int64_t images, const float* d_dst, const float* packed_wei, float* d_src,
             Workspace workspace) const {
    batch(executor, images, d_dst, packed_wei, nullptr, kNoFloor, d_src, workspace);
  }

 private:
  struct Operands {
    const float *src, *packed_wei, *bias;
    float floor;
    float* dst;
  };
  /// Filters of a panel's columns and some input channels, position p at data + p * plane.
  struct Filters {
    const float* data;
    std::int64_t plane;
  };
  /// Positions or taps of the packed filters.
  std::int64_t packed_planes() const { return packs_taps_ ? kWinogradTaps : winograd_positions(size_); }
  /// Floats from one position's part of a transformed block to the next's.
  std::int64_t src_plane() const { return winograd_plane_floats(block_tiles_, src_row_); }
  std::int64_t sums_plane() const { return winograd_plane_floats(block_tiles_, tile_.columns); }
  std::int64_t filters_plane(std::int64_t channels) const { return winograd_plane_floats(channels, tile_.columns); }
  /// Floats of the filters that a block transforms at a time.
  std::int64_t filters_floats() const;
  /// Of the panel that is packed at `panel`, those of channels [first, first + channels), perhaps in `scratch`.
  Filters filters(const float* panel, std::int64_t first, std::int64_t channels, float* scratch) const;
  /// Tiles [first, first + count), counted over all images: a block at most.
  void block(const Operands& operands, std::int64_t first, std::int64_t count, Workspace scratch) const;
  /// The same for any number of tiles, block by block.
  void blocks(const Operands& operands, std::int64_t first, std::int64_t count, Workspace scratch) const;
  /// Leaves a tap of the filters of a panel's columns, from `first` on, at `to`, ic x tile.columns.
  void pack_tap(const float* wei, std::int64_t tap, std::int64_t first, float* to) const;

  ConvPass pass_;
  ConvShape shape_;  ///< what is computed: as given, or the convolution of d_dst
  const KernelTable& kernels_;
  WinogradSize size_;
  WinogradTiles tiles_;
  std::int64_t block_tiles_;
  bool packs_taps_;       ///< as they are, not transformed
  TileShape tile_;        ///< of the products
  std::int64_t src_row_;  ///< floats from one tile's channels to the next's
};

}  // namespace tilewise::simd
