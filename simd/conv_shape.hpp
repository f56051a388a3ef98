#pragma once

#include <cstdint>
#include <string>

namespace tilewise::simd {

/// Geometry of a 2-D convolution of one image, in oneDNN's names. Activations are (ih, iw, ic) and
/// (oh, ow, oc), filters (kh, kw, ic, oc), bias (oc):
///
///   dst(oh, ow, oc) = bias(oc) + sum over kh, kw, ic of
///       src(oh * stride_h + kh * dilation_h - pad_top, ow * stride_w + kw * dilation_w - pad_left, ic)
///       * wei(kh, kw, ic, oc)
///
/// with src taken as zero outside the image. A dilation of 1 means adjacent taps. Padding at the bottom
/// and at the right may be negative: so many of the last rows or columns are not read.
struct ConvShape {
  std::int64_t ic = 1, ih = 1, iw = 1, oc = 1, kh = 1, kw = 1;
  std::int64_t stride_h = 1, stride_w = 1;
  std::int64_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
  std::int64_t dilation_h = 1, dilation_w = 1;

  /// Rows and columns that the window slides over.
  std::int64_t padded_h() const { return ih + pad_top + pad_bottom; }
  std::int64_t padded_w() const { return iw + pad_left + pad_right; }
  std::int64_t oh() const { return (padded_h() - (kh - 1) * dilation_h - 1) / stride_h + 1; }
  std::int64_t ow() const { return (padded_w() - (kw - 1) * dilation_w - 1) / stride_w + 1; }

  bool padded() const { return pad_top > 0 || pad_left > 0 || pad_bottom > 0 || pad_right > 0; }
  /// Extents of the image in memory once its padding has been added (conv_padding.hpp).
  std::int64_t stored_h() const { return pad_top + ih + (pad_bottom > 0 ? pad_bottom : 0); }
  std::int64_t stored_w() const { return pad_left + iw + (pad_right > 0 ? pad_right : 0); }

  std::int64_t src_size() const { return ih * iw * ic; }
  std::int64_t dst_size() const { return oh() * ow() * oc; }
  std::int64_t wei_size() const { return kh * kw * ic * oc; }
  /// Multiply-adds of one pass over one image, padding counted.
  double multiply_adds() const {
    return static_cast<double>(dst_size()) * static_cast<double>(kh * kw * ic);
  }

  /// Throws ShapeError when an extent is not positive, a padding out of range, or the window larger
  /// than the padded image.
  void check() const;
  /// Itself, once it is checked.
  const ConvShape& checked() const {
    check();
    return *this;
  }

  /// The same convolution with image rows joined into one, where that changes nothing: a 1x1 filter
  /// with stride 1 and no padding does not see rows. Throws as check() does.
  ConvShape joined() const;

  /// "ic32ih13iw13oc64oh11ow11kh3kw3", with strides, padding and dilation where they are not plain.
  std::string to_string() const;
};

}  // namespace tilewise::simd
