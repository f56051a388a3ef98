#pragma once

// Of reference.hpp: max- and average pooling, forward and backward.

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::reference {

/// The first of equal values wins. A NaN counts as largest, and of several the last.
template <class T>
void max_pool_forward(const simd::PoolGeometry& g, const T* src, T* dst,
                      simd::PoolPlace* argmax) {
  for (std::int64_t o = 0; o < g.oh * g.ow * g.channels; ++o) {
    const std::int64_t channel = o % g.channels;
    const std::int64_t top = o / g.channels / g.ow * g.stride_h - g.pad_top;
    const std::int64_t left = o / g.channels % g.ow * g.stride_w - g.pad_left;
    bool found = false;
    for (std::int64_t kh = 0; kh < g.kh; ++kh) {
      for (std::int64_t kw = 0; kw < g.kw; ++kw) {
        const std::int64_t ih = top + kh;
        const std::int64_t iw = left + kw;
        if (ih < 0 || ih >= g.ih || iw < 0 || iw >= g.iw) continue;
        const T value = src[(ih * g.iw + iw) * g.channels + channel];
        if (found && !(value > dst[o]) && !std::isnan(value)) continue;
        found = true;
        dst[o] = value;
        argmax[o] = static_cast<simd::PoolPlace>(kh * g.kw + kw);
      }
    }
  }
}

template <class T>
void max_pool_backward(const simd::PoolGeometry& g, const T* d_dst, const simd::PoolPlace* argmax,
                       T* d_src) {
  std::fill_n(d_src, g.ih * g.iw * g.channels, T(0));
  for (std::int64_t o = 0; o < g.oh * g.ow * g.channels; ++o) {
    const std::int64_t channel = o % g.channels;
    const std::int64_t ih = o / g.channels / g.ow * g.stride_h - g.pad_top + argmax[o] / g.kw;
    const std::int64_t iw = o / g.channels % g.ow * g.stride_w - g.pad_left + argmax[o] % g.kw;
    d_src[(ih * g.iw + iw) * g.channels + channel] += d_dst[o];
  }
}

/// Calls body(src, dst, elements) for each pair of an element and a window that it is in; elements: how many
/// the window has.
template <class Body>
void for_each_pooled(const simd::PoolGeometry& g, Body body) {
  for (std::int64_t o = 0; o < g.oh * g.ow * g.channels; ++o) {
    const std::int64_t channel = o % g.channels;
    const std::int64_t top = o / g.channels / g.ow * g.stride_h - g.pad_top;
    const std::int64_t left = o / g.channels % g.ow * g.stride_w - g.pad_left;
    const std::int64_t h0 = std::max<std::int64_t>(top, 0), h1 = std::min(top + g.kh, g.ih);
    const std::int64_t w0 = std::max<std::int64_t>(left, 0), w1 = std::min(left + g.kw, g.iw);
    for (std::int64_t h = h0; h < h1; ++h) {
      for (std::int64_t w = w0; w < w1; ++w) {
        body((h * g.iw + w) * g.channels + channel, o, (h1 - h0) * (w1 - w0));
      }
    }
  }
}

template <class T>
void average_pool_forward(const simd::PoolGeometry& g, const T* src, T* dst) {
  std::fill_n(dst, g.oh * g.ow * g.channels, T(0));
  for_each_pooled(g, [=](std::int64_t s, std::int64_t d, std::int64_t elements) {
    dst[d] += src[s] / static_cast<T>(elements);
  });
}

template <class T>
void average_pool_backward(const simd::PoolGeometry& g, const T* d_dst, T* d_src) {
  std::fill_n(d_src, g.ih * g.iw * g.channels, T(0));
  for_each_pooled(g, [=](std::int64_t s, std::int64_t d, std::int64_t elements) {
    d_src[s] += d_dst[d] / static_cast<T>(elements);
  });
}

}  // namespace tilewise::reference
