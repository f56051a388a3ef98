#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "tilewise/core/parallel.hpp"
#include "tilewise/core/workspace.hpp"
#include "tilewise/simd/conv_algorithm.hpp"
#include "tilewise/simd/conv_direct_weights.hpp"
#include "tilewise/simd/conv_shape.hpp"
#include "tilewise/simd/kernel_table.hpp"
#include "tilewise/simd/winograd_weights.hpp"

namespace tilewise::simd {

/// Gradient of a convolution (conv_shape.hpp) with respect to its filters, prepared for one shape; immutable:
///
///   d_wei(kh, kw, ic, oc) = sum over oh, ow of
///       src(oh * stride_h + kh * dilation_h - pad_top, ow * stride_w + kw * dilation_w - pad_left, ic)
///       * d_dst(oh, ow, oc)
class ConvBackwardWeights {
 public:
  /// Throws ShapeError when `shape` is not a convolution.
  ConvBackwardWeights(const KernelTable& kernels, const ConvShape& shape,
                      ConvAlgorithm algorithm = ConvAlgorithm::automatic);

  std::string kernel() const;           ///< of the way that is taken: "tile 6x2", "winograd 4x4"
  std::int64_t scratch_floats() const;  ///< of images()'s workspace
  double multiply_adds() const;         ///< that are executed for an image, those of padding counted

  /// Adds the gradient of `images` images, one after the other in memory, perhaps none, to d_wei (kh, kw, ic, oc). How
  /// many come together may decide the last bits.
  void images(std::int64_t images, const float* src, const float* d_dst, float* d_wei, Workspace scratch) const;

  /// Floats of workspace that batch() takes for exactly so many images: fewer may take more, for they
  /// are grouped otherwise.
  std::int64_t workspace_floats(std::int64_t images, int threads) const;

  /// d_wei of `images` images, one after the other in memory, perhaps none; overwritten. On all threads:
  /// a number of partial sums that the shape and `images` fix, added up in order.
  void batch(Executor& executor, std::int64_t images, const float* src, const float* d_dst,
             float* d_wei, Workspace workspace) const;

 private:
  std::variant<ConvDirectWeights, WinogradWeights> way_;
};

}  // namespace tilewise::simd
