#pragma once

#include <cstdint>
#include <vector>

#include "tilewise/core/workspace.hpp"
#include "tilewise/simd/blocking.hpp"
#include "tilewise/simd/conv_shape.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {

/// Gradients of a convolution (conv_shape.hpp) whose output goes through max-pooling, prepared for one
/// shape; immutable. Of a pooling window only the pixel that was the largest has a gradient, and none if
/// a ReLU cut it off: of 2x2 windows at most a quarter of the dense products are left, in the MNIST convnet a sixth.
/// For each gradient g that is not zero, of channel oc and picked pixel (oh, ow):
///
///   d_wei(kh, kw, ic, oc) += g * src(oh * stride_h + kh * dilation_h - pad_top, ow * stride_w + kw - pad_left, ic)
///   d_src(oh * stride_h + kh * dilation_h - pad_top, ow * stride_w + kw - pad_left, ic) += g * wei(kh, kw, ic, oc)
///
/// (kw, ic) is one run of memory, in the image as in transposed filters (oc, kh, kw, ic): vectors go along
/// it. Terms are sorted into lists of those with the same sum, a channel for d_wei, a pixel for d_src, which
/// stays in registers meanwhile. After Z. Gong et al., "SparseTrain", PACT 2020 (arXiv:1911.10175).
class ConvPooledBackward {
 public:
  /// `pool` takes the convolution's output, (oh, ow, oc). Throws ShapeError as checked_pool_of() does, ArgumentError
  /// when it is not possible().
  ConvPooledBackward(const KernelTable& kernels, const ConvShape& conv, const PoolGeometry& pool);

  /// Whether a filter row is one run (dilation_w = 1) of at least a vector, and image and filters are below 2^31
  /// floats.
  static bool possible(const KernelTable& kernels, const ConvShape& conv);
  /// Whether it should be faster than ConvBackwardWeights and ConvBackwardData.
  static bool pays(const KernelTable& kernels, const ConvShape& conv, const PoolGeometry& pool);

  std::int64_t packed_floats() const { return conv_.wei_size(); }
  std::int64_t scratch_floats() const;  ///< of the workspace of weights() and of data()

  /// Transposes filters (kh, kw, ic, oc) to (oc, kh, kw, ic).
  void pack(const float* wei, float* packed) const;
  /// Back again: what weights() sums up to d_wei (kh, kw, ic, oc).
  void unpack(const float* packed, float* wei) const;

  /// Adds one image's gradient of the filters to packed_d_wei (oc, kh, kw, ic). d_pooled is the gradient of
  /// the pooled output, argmax what max_pool_forward wrote.
  void weights(const float* src, const float* d_pooled, const PoolPlace* argmax,
               float* packed_d_wei, Workspace scratch) const;

  /// d_src of one image, overwritten.
  void data(const float* d_pooled, const PoolPlace* argmax, const float* packed_wei, float* d_src,
            Workspace scratch) const;

 private:
  std::int64_t windows() const { return pool_.oh * pool_.ow; }
  std::int64_t taps() const { return pool_.kh * pool_.kw; }
  std::int64_t stored_row() const { return conv_.stored_w() * conv_.ic; }
  /// Where in the stored image the convolution's window for output pixel (oh, ow) begins.
  std::int64_t origin(std::int64_t oh, std::int64_t ow) const {
    return oh * conv_.stride_h * stored_row() + ow * conv_.stride_w * conv_.ic;
  }
  /// Calls body(kh, first, n) for each piece [first, first + n) of each filter row.
  template <class Body>
  void for_each_run(Body body) const;

  const KernelTable& kernels_;
  ConvShape conv_;
  PoolGeometry pool_;
  std::int64_t row_;    ///< floats of a filter row, kw * ic
  EvenSplit pieces_;    ///< its vectors
  EvenSplit bands_;     ///< windows of an image whose terms are listed together
  /// origin() of each pooling window's corner, and from there of each of its pixels.
  std::vector<std::int64_t> window_origins_, tap_origins_;
};

}  // namespace tilewise::simd
