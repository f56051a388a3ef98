#pragma once

#include <cstdint>
#include <vector>

#include "tilewise/core/workspace.hpp"
#include "tilewise/simd/conv_shape.hpp"
#include "tilewise/simd/kernel_table.hpp"
#include "tilewise/simd/tap_runs.hpp"

namespace tilewise::simd {

/// Depthwise convolution of one image, prepared for one shape; immutable. Each channel is convolved with
/// `multiplier` filters of its own, in the terms of conv_shape.hpp:
///
///   dst(oh, ow, ic * multiplier + m) = bias(ic * multiplier + m) + sum over kh, kw of
///       src(oh * stride_h + kh * dilation_h - pad_top, ow * stride_w + kw * dilation_w - pad_left, ic)
///       * wei(kh, kw, ic, m)
///
/// Vectors are of channels, which images and filters have side by side; no padding is made, for every run of
/// pixels knows which taps meet the image. The gradient of the source is the same sum, over the pixels of
/// d_dst that a tap has carried a pixel to. With several filters a channel, the image is first spread out to
/// as many channels as the output has.
class DepthwiseConv {
 public:
  /// shape.oc is that of the output, ic * multiplier. Throws ShapeError when it is not, or `shape` is not a
  /// convolution.
  DepthwiseConv(const KernelTable& kernels, const ConvShape& shape, std::int64_t multiplier);

  std::int64_t wei_size() const { return shape_.kh * shape_.kw * shape_.oc; }
  std::int64_t dst_pixels() const { return shape_.oh() * shape_.ow(); }
  /// Of one pass, padding counted.
  double multiply_adds() const {
    return shape_.multiply_adds() / static_cast<double>(shape_.ic);
  }
  std::int64_t scratch_floats() const;  ///< of each pass

  /// dst = max(floor, convolution + bias). A floor of 0 is ReLU, of -infinity nothing.
  void forward(const float* src, const float* wei, const float* bias, float floor, float* dst,
               Workspace scratch) const;
  /// d_src, overwritten.
  void backward_data(const float* d_dst, const float* wei, float* d_src, Workspace scratch) const;
  /// Adds to d_wei.
  void backward_weights(const float* src, const float* d_dst, float* d_wei, Workspace scratch) const;

 private:
  /// Pixels first, first + step, ... of a row of results, for which the same taps meet the image.
  struct Run {
    std::int64_t first, count;
    std::vector<DepthwiseTap> taps;
  };
  /// All results of one pass.
  struct Pass {
    std::vector<Run> rows;  ///< one each
    std::vector<Run> columns;
    std::int64_t src_step, dst_step, dst_row;
  };
  /// Of runs along both axes; widths are pixels of a row of what is read, and of what is written.
  Pass make_pass(const TapAxis& rows, const TapAxis& columns, std::int64_t read_width,
                 std::int64_t written_width) const;
  template <class Body>
  void for_each_run(const Pass& pass, Body body) const;
  const float* spread(const float* src, Workspace& scratch) const;

  const KernelTable& kernels_;
  ConvShape shape_;
  std::int64_t multiplier_;
  Pass forward_, backward_;
};

}  // namespace tilewise::simd
