#pragma once

#include <cstdint>
#include <vector>

#include "tilewise/core/parallel.hpp"
#include "tilewise/core/workspace.hpp"
#include "tilewise/simd/blocking.hpp"
#include "tilewise/simd/conv_shape.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {

/// Gradient of a convolution (conv_shape.hpp) with respect to its source, prepared for one shape;
/// immutable:
///
///   d_src(ih, iw, ic) = sum over kh, kw, oc of d_dst(oh, ow, oc) * wei(kh, kw, ic, oc)
///
/// over the taps for which ih = oh * stride_h + kh * dilation_h - pad_top has an oh, and likewise iw.
/// Each filter column kw adds one product to a row of d_src, shifted by kw and spread by the stride,
/// so that no work is spent on padding or on the gaps of a stride.
class ConvBackwardData {
 public:
  /// Throws ShapeError when `shape` is not a convolution.
  ConvBackwardData(const KernelTable& kernels, const ConvShape& shape);

  std::int64_t packed_floats() const;  ///< of the packed, transposed filters

  /// Packs the filters (kh, kw, ic, oc), transposed, as image() wants them.
  void pack(const float* wei, float* packed) const;

  /// d_src of one image, overwritten.
  void image(const float* d_dst, const float* packed_wei, float* d_src) const;

  std::int64_t workspace_floats(int) const { return 0; }
  void batch(Executor& executor, std::int64_t images, const float* d_dst, const float* packed_wei,
             float* d_src, Workspace workspace) const;

 private:
  /// The part of a row of output pixels that meets the image through filter column kw.
  struct Column {
    std::int64_t first_ow, count, first_iw;
  };

  const KernelTable& kernels_;
  ConvShape shape_;
  TileShape tile_;
  std::vector<Column> columns_;  ///< one a kw
  /// Pairs (row of d_dst, filter row) of source row ih: [row_first_[ih], row_first_[ih + 1]).
  std::vector<std::int64_t> row_first_, d_dst_offsets_, wei_offsets_;
};

}  // namespace tilewise::simd
