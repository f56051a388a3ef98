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

/// Gradient of a convolution with 3 x 3 filters and a stride of 1 with respect to the filters, by Winograd's filtering
/// (winograd.hpp), prepared for one shape; immutable. For each of the 16 or 36 positions transformed pixels and
/// gradients are multiplied, (ic x tiles) times (tiles x oc), and the sums over all tiles are transformed back. That is
/// done for a block of input channels at a time, and in batch(), where these sums would be large, for a pair of rows of
/// positions.
class WinogradWeights {
 public:
  /// Whether it computes what `shape` describes.
  static bool possible(const ConvShape& shape) { return has_winograd_tiles(shape); }
  /// The size of tiles with which it is fastest for a few images at a time, of those that `algorithm` allows; none
  /// where the direct way is faster.
  static std::optional<WinogradSize> choose(const KernelTable& kernels, const ConvShape& shape,
                                            ConvAlgorithm algorithm = ConvAlgorithm::automatic);

  /// Throws ShapeError when `shape` is not a convolution, ArgumentError where that is not possible().
  WinogradWeights(const KernelTable& kernels, const ConvShape& shape, WinogradSize size);

  std::string kernel() const { return winograd_name(size_); }
  std::int64_t scratch_floats() const;  ///< of images()'s workspace
  double multiply_adds() const { return winograd_multiply_adds(shape_, size_); }  ///< of an image

  /// Adds the gradient of `images` images, one after the other in memory, to d_wei (3, 3, ic, oc). How many come
  /// together decides the last bits.
  void images(std::int64_t images, const float* src, const float* d_dst, float* d_wei, Workspace scratch) const;

  /// Floats of workspace that batch() takes.
  std::int64_t workspace_floats(std::int64_t images, int threads) const;
  /// d_wei of `images` images, perhaps none, overwritten; on all threads, with partial sums that the shape and
  /// `images` fix, added up in order.
  void batch(Executor& executor, std::int64_t images, const float* src, const float* d_dst, float* d_wei,
             Workspace workspace) const;

 private:
  struct Cut {
    std::int64_t slots;  ///< partial sums
    std::int64_t block;  ///< tiles that are transformed together
    std::int64_t pairs;  ///< of rows of positions that are summed up together
    std::int64_t positions(WinogradSize size) const { return 2 * winograd_pixels(size) * pairs; }
  };
  /// How batch() cuts so many images: by the shape and their number alone.
  Cut cut(std::int64_t images) const;
  std::int64_t panels() const { return ceil_div(shape_.oc, tile_.columns); }
  /// Panels of a task, where so many threads share the work.
  std::int64_t task_panels(const Cut& cut, int threads) const;
  /// Of a thread that works on so many panels.
  std::int64_t scratch_floats(const Cut& cut, std::int64_t panels) const;
  std::int64_t workspace_floats(const Cut& cut, int threads) const;
  /// Adds the gradient of tiles [first, end), counted over all images, to d_wei, of panels [first_panel, end_panel).
  void add(const float* src, const float* d_dst, const Cut& cut, std::int64_t first, std::int64_t end,
           std::int64_t first_panel, std::int64_t end_panel, float* d_wei, Workspace scratch) const;

  ConvShape shape_;
  const KernelTable& kernels_;
  WinogradSize size_;
  WinogradTiles tiles_;
  TileShape tile_;       ///< of the products
  EvenSplit channels_;   ///< of src, in blocks
};

}  // namespace tilewise::simd
