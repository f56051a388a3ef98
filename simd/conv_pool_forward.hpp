#pragma once

#include <cstdint>
#include <vector>

#include "tilewise/core/workspace.hpp"
#include "tilewise/simd/conv_forward.hpp"
#include "tilewise/simd/conv_shape.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {

/// Convolution (conv_shape.hpp), bias, max-pooling and, if asked, ReLU of one image, prepared for one shape;
/// immutable. With sums as short as a first layer's, a tile of 2x2 pixels is pooled while it is in registers;
/// otherwise the convolution's output goes through scratch memory. The bits are the same either way.
class ConvPoolForward {
 public:
  /// `pool` takes the convolution's output, (oh, ow, oc). Throws ShapeError when `conv` is not a convolution.
  ConvPoolForward(const KernelTable& kernels, const ConvShape& conv, const MaxPoolGeometry& pool);

  /// Whether tiles are pooled in registers.
  bool in_registers() const { return in_registers_; }
  TileShape tile() const { return in_registers_ ? tile_ : forward_.tile(); }

  std::int64_t packed_floats() const;
  std::int64_t scratch_floats() const;

  /// Packs the filters (kh, kw, ic, oc) as image() wants them.
  void pack(const float* wei, float* packed) const;

  /// dst = max(floor, largest of each window), argmax = where it was; see max_pool_forward.
  void image(const float* src, const float* packed_wei, const float* bias, float floor, float* dst,
             std::int32_t* argmax, Workspace scratch) const;

 private:
  const KernelTable& kernels_;
  ConvShape conv_;
  MaxPoolGeometry pool_;
  ConvForward forward_;
  bool in_registers_;
  TileShape tile_;                   ///< of filters, if so
  std::vector<std::int64_t> taps_;   ///< where in the image, from a window's first tap on
  EvenSplit bands_;                  ///< rows of windows whose padding is added together
};

}  // namespace tilewise::simd
