#pragma once

#include <cstdint>
#include <vector>

#include "tilewise/core/parallel.hpp"
#include "tilewise/core/workspace.hpp"
#include "tilewise/simd/blocking.hpp"
#include "tilewise/simd/conv_shape.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {

/// Gradient of a convolution (conv_shape.hpp) with respect to its filters, prepared for one shape;
/// immutable:
///
///   d_wei(kh, kw, ic, oc) = sum over oh, ow of
///       src(oh * stride_h + kh * dilation_h - pad_top, ow * stride_w + kw * dilation_w - pad_left, ic)
///       * d_dst(oh, ow, oc)
///
/// Each filter row is a product: (kw ic x pixels) times (pixels x oc).
class ConvBackwardWeights {
 public:
  /// Throws ShapeError when `shape` is not a convolution.
  ConvBackwardWeights(const KernelTable& kernels, const ConvShape& shape);

  std::int64_t scratch_floats() const;  ///< of each thread's workspace

  /// Adds one image's gradient to d_wei (kh, kw, ic, oc).
  void image(const float* src, const float* d_dst, float* d_wei, Workspace scratch) const;

  std::int64_t workspace_floats(std::int64_t images, int threads) const;
  void batch(Executor& executor, std::int64_t images, const float* src, const float* d_dst,
             float* d_wei, Workspace workspace) const;

 private:
  bool packs_d_dst() const;

  const KernelTable& kernels_;
  ConvShape shape_;
  TileShape tile_;
  std::int64_t runs_per_row_;  ///< 1, or kw when dilation takes the taps of a filter row apart
  std::vector<std::int64_t> src_offsets_, d_dst_offsets_;  ///< one a row of output pixels
};

}  // namespace tilewise::simd
