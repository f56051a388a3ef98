#pragma once

#include <cstdint>
#include <vector>

#include "tilewise/core/workspace.hpp"
#include "tilewise/simd/blocking.hpp"
#include "tilewise/simd/conv_shape.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {

/// Convolution (conv_shape.hpp) of few taps and 2x2 max-pooling in one pass, prepared for one shape;
/// immutable. The convolution's output, and its gradient, exist in registers only. Made for first layers,
/// whose output is large and whose sums are short: what ends a tile counts for more than the sums.
class ConvPoolShort {
 public:
  /// `pool` takes the convolution's output, (oh, ow, oc). Throws ShapeError as checked_pool_of() does, ArgumentError
  /// when it is not possible().
  ConvPoolShort(const KernelTable& kernels, const ConvShape& conv, const PoolGeometry& pool);

  /// Whether taps are few, and all windows 2x2 and within the convolution's output. Throws ShapeError when
  /// `conv` is not a convolution.
  static bool possible(const ConvShape& conv, const PoolGeometry& pool);

  const TileShape& tile() const { return tile_; }
  std::int64_t packed_floats() const;   ///< of the packed filters
  std::int64_t scratch_floats() const;  ///< of the workspace of forward() and of weights()

  /// Packs the filters (kh, kw, ic, oc) as forward() wants them.
  void pack(const float* wei, float* packed) const;

  /// dst = max(floor, largest value of each window), argmax as max_pool_forward has it, of one image.
  void forward(const float* src, const float* packed_wei, const float* bias, float floor, float* dst,
               PoolPlace* argmax, Workspace scratch) const;

  /// Adds one image's gradient of the filters to d_wei (kh, kw, ic, oc). d_pooled is the gradient of dst.
  void weights(const float* src, const float* d_pooled, const PoolPlace* argmax, float* d_wei,
               Workspace scratch) const;

 private:
  /// Calls body(row, src) for each row of windows, src being where its first pixel's first tap is.
  template <class Body>
  void for_each_row(const float* src, Workspace scratch, Body body) const;
  /// What is the same for all rows.
  ConvPoolArgs arguments() const;

  const KernelTable& kernels_;
  ConvShape conv_;
  PoolGeometry pool_;
  TileShape tile_;
  std::vector<std::int64_t> taps_;  ///< offsets in the image
  EvenSplit bands_;                 ///< rows of windows whose padding is added together
};

}  // namespace tilewise::simd
