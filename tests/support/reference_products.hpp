#pragma once

// Of reference.hpp: matrix products, convolutions and their gradients.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "tilewise/simd/conv_shape.hpp"
#include "tilewise/simd/gemm.hpp"

namespace tilewise::reference {

/// C = alpha * op(A) * op(B) + beta * C with the sizes of `args` (simd/gemm.hpp); a, b and c stand
/// in for its pointers.
template <class T>
void gemm(const simd::GemmArgs& args, const T* a, const T* b, T* c) {
  const bool plain_a = args.transpose_a == simd::Transpose::no;
  const bool plain_b = args.transpose_b == simd::Transpose::no;
  std::vector<T> row(static_cast<std::size_t>(args.n));
  T* const sums = row.data();
  for (std::int64_t i = 0; i < args.m; ++i) {
    std::fill(row.begin(), row.end(), T(0));
    for (std::int64_t p = 0; p < args.k; ++p) {
      const T factor = a[plain_a ? i * args.lda + p : p * args.lda + i];
      if (plain_b) {  // the same as below; this form is vectorised
        const T* const b_row = b + p * args.ldb;
        for (std::int64_t j = 0; j < args.n; ++j) sums[j] += factor * b_row[j];
      } else {
        for (std::int64_t j = 0; j < args.n; ++j) sums[j] += factor * b[j * args.ldb + p];
      }
    }
    for (std::int64_t j = 0; j < args.n; ++j) {
      T& out = c[i * args.ldc + j];
      out = T(args.alpha) * sums[j] + (args.beta == 0 ? T(0) : T(args.beta) * out);
    }
  }
}

/// Calls body(src, wei, dst) for each multiply-add of a convolution (simd/conv_shape.hpp), with the
/// places of its three operands. The forward pass and both backward passes are this one set of
/// triples; what differs is which of the three is the sum.
template <class Body>
void for_each_multiply_add(const simd::ConvShape& s, Body body) {
  for (std::int64_t oh = 0; oh < s.oh(); ++oh) {
    for (std::int64_t ow = 0; ow < s.ow(); ++ow) {
      for (std::int64_t kh = 0; kh < s.kh; ++kh) {
        for (std::int64_t kw = 0; kw < s.kw; ++kw) {
          const std::int64_t ih = oh * s.stride_h + kh * s.dilation_h - s.pad_top;
          const std::int64_t iw = ow * s.stride_w + kw * s.dilation_w - s.pad_left;
          if (ih < 0 || ih >= s.ih || iw < 0 || iw >= s.iw) continue;
          for (std::int64_t ic = 0; ic < s.ic; ++ic) {
            for (std::int64_t oc = 0; oc < s.oc; ++oc) {
              body((ih * s.iw + iw) * s.ic + ic, ((kh * s.kw + kw) * s.ic + ic) * s.oc + oc,
                   (oh * s.ow() + ow) * s.oc + oc);
            }
          }
        }
      }
    }
  }
}

/// dst = max(floor, convolution + bias); NaN stays NaN.
template <class T>
void conv_forward(const simd::ConvShape& shape, const T* src, const T* wei, const T* bias, T floor,
                  T* dst) {
  for (std::int64_t i = 0; i < shape.dst_size(); ++i) dst[i] = bias[i % shape.oc];
  for_each_multiply_add(shape, [=](std::int64_t s, std::int64_t w, std::int64_t d) {
    dst[d] += src[s] * wei[w];
  });
  for (std::int64_t i = 0; i < shape.dst_size(); ++i) dst[i] = dst[i] < floor ? floor : dst[i];
}

template <class T>
void conv_backward_data(const simd::ConvShape& shape, const T* d_dst, const T* wei, T* d_src) {
  std::fill_n(d_src, shape.src_size(), T(0));
  for_each_multiply_add(shape, [=](std::int64_t s, std::int64_t w, std::int64_t d) {
    d_src[s] += d_dst[d] * wei[w];
  });
}

/// Adds to d_wei.
template <class T>
void conv_backward_weights(const simd::ConvShape& shape, const T* src, const T* d_dst, T* d_wei) {
  for_each_multiply_add(shape, [=](std::int64_t s, std::int64_t w, std::int64_t d) {
    d_wei[w] += src[s] * d_dst[d];
  });
}

/// The filters of a dense convolution that does what one in groups does, from its filters (kh, kw, ic / groups,
/// oc): zero for channels of other groups. A depthwise convolution has a group for each channel.
template <class T>
std::vector<T> dense_filters(const simd::ConvShape& s, std::int64_t groups, const std::vector<T>& grouped) {
  std::vector<T> wei(static_cast<std::size_t>(s.wei_size()));
  const std::int64_t group_ic = s.ic / groups, group_oc = s.oc / groups;
  for (std::size_t i = 0; i < grouped.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i);
    const std::int64_t oc = at % s.oc, ic = oc / group_oc * group_ic + at / s.oc % group_ic;
    wei[static_cast<std::size_t>((at / s.oc / group_ic * s.ic + ic) * s.oc + oc)] = grouped[i];
  }
  return wei;
}

}  // namespace tilewise::reference
