#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "tilewise/core/parallel.hpp"
#include "tilewise/core/workspace.hpp"
#include "tilewise/simd/conv_algorithm.hpp"
#include "tilewise/simd/conv_direct.hpp"
#include "tilewise/simd/conv_shape.hpp"
#include "tilewise/simd/conv_spread.hpp"
#include "tilewise/simd/conv_winograd.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {

/// Gradient of a convolution (conv_shape.hpp) with respect to its source, prepared for one shape;
/// immutable:
///
///   d_src(ih, iw, ic) = sum over kh, kw, oc of d_dst(oh, ow, oc) * wei(kh, kw, ic, oc)
///
/// over the taps for which ih = oh * stride_h + kh * dilation_h - pad_top has an oh, and likewise iw.
///
/// Done in one of three ways:
/// - by Winograd's filtering, as a convolution of d_dst (ConvWinograd), where that is possible and pays, but not for
///   half a vector of channels;
/// - gathered, else, where channels fill a vector, or more than half of one of sixteen lanes: as a convolution of d_dst
///   for each phase of the stride (ConvDirect), so that no work is spent on padding or on the gaps of a stride;
/// - spread, where they do not (ConvSpread).
class ConvBackwardData {
 public:
  /// Throws ShapeError when `shape` is not a convolution.
  ConvBackwardData(const KernelTable& kernels, const ConvShape& shape,
                   ConvAlgorithm algorithm = ConvAlgorithm::automatic);

  std::string kernel() const;           ///< of the way that is taken: "tile 6x2", "tile 6x2 spread", "winograd 4x4"
  std::int64_t packed_floats() const;   ///< of the packed, transposed filters
  std::int64_t scratch_floats() const;  ///< of each thread's workspace
  double multiply_adds() const;         ///< that are executed for an image, those of padding counted

  /// Packs the filters (kh, kw, ic, oc), transposed, as images() and batch() want them.
  void pack(const float* wei, float* packed) const;

  /// d_src of `images` images, one after the other in memory, perhaps none; overwritten.
  void images(std::int64_t images, const float* d_dst, const float* packed_wei, float* d_src,
              Workspace scratch) const;

  /// The same on all threads; the workspace holds scratch_floats() for each.
  void batch(Executor& executor, std::int64_t images, const float* d_dst, const float* packed_wei,
             float* d_src, Workspace workspace) const;

 private:
  std::variant<ConvDirect, ConvWinograd, ConvSpread> way_;
};

}  // namespace tilewise::simd
