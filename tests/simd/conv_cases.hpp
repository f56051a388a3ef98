#pragma once

#include <cstdint>
#include <vector>

#include "tilewise/simd/conv_shape.hpp"

namespace tilewise::testing {

/// Convolutions that have something awkward about them.
inline std::vector<simd::ConvShape> awkward_convolutions() {
  using Shape = simd::ConvShape;
  std::vector<Shape> shapes{
      // 1x1: rows are joined, unless a stride or padding forbids it
      {.ic = 1, .ih = 1, .iw = 1, .oc = 1},
      {.ic = 7, .ih = 5, .iw = 6, .oc = 10},
      {.ic = 33, .ih = 4, .iw = 4, .oc = 17},
      {.ic = 16, .ih = 9, .iw = 7, .oc = 32, .stride_h = 2, .stride_w = 2},
      {.ic = 3, .ih = 7, .iw = 11, .oc = 2, .stride_h = 3, .stride_w = 2},
      {.ic = 10, .ih = 4, .iw = 5, .oc = 3, .pad_top = 1, .pad_left = 1, .pad_bottom = 1,
       .pad_right = 1},
      {.ic = 2, .ih = 6, .iw = 6, .oc = 7, .dilation_h = 3, .dilation_w = 3},
      // 1x1 that leave out pixels, of channels enough to copy the others; a cut end
      {.ic = 20, .ih = 31, .iw = 34, .oc = 130, .stride_h = 2, .stride_w = 2},
      {.ic = 300, .ih = 10, .iw = 13, .oc = 140, .stride_h = 3, .stride_w = 2},
      {.ic = 9, .ih = 12, .iw = 11, .oc = 129, .pad_bottom = -2, .pad_right = -1},
      {.ic = 6, .ih = 9, .iw = 8, .oc = 160, .stride_h = 1, .stride_w = 2},
      // 3x3: the networks of the benchmarks, then same padding and unequal strides
      {.ic = 1, .ih = 28, .iw = 28, .oc = 32, .kh = 3, .kw = 3},
      {.ic = 1, .ih = 11, .iw = 21, .oc = 7, .kh = 3, .kw = 3, .stride_h = 2, .pad_top = 1, .pad_left = 2,
       .pad_right = 1, .dilation_h = 2, .dilation_w = 2},
      {.ic = 1, .ih = 3, .iw = 1100, .oc = 3, .kh = 3, .kw = 3},
      {.ic = 32, .ih = 13, .iw = 13, .oc = 64, .kh = 3, .kw = 3},
      {.ic = 64, .ih = 7, .iw = 7, .oc = 64, .kh = 3, .kw = 3, .pad_top = 1, .pad_left = 1,
       .pad_bottom = 1, .pad_right = 1},
      {.ic = 3, .ih = 8, .iw = 8, .oc = 16, .kh = 3, .kw = 3, .pad_top = 1, .pad_left = 1,
       .pad_bottom = 1, .pad_right = 1},
      {.ic = 16, .ih = 8, .iw = 8, .oc = 3, .kh = 3, .kw = 3, .stride_h = 2, .stride_w = 2,
       .pad_bottom = 1, .pad_right = 1},
      {.ic = 3, .ih = 11, .iw = 9, .oc = 10, .kh = 3, .kw = 3, .stride_h = 3, .stride_w = 1},
      {.ic = 7, .ih = 9, .iw = 12, .oc = 33, .kh = 3, .kw = 3, .stride_h = 1, .stride_w = 3,
       .pad_top = 1, .pad_left = 2},
      {.ic = 2, .ih = 10, .iw = 10, .oc = 17, .kh = 3, .kw = 3, .stride_h = 4, .stride_w = 4},
      // larger, longer and even windows
      {.ic = 2, .ih = 12, .iw = 11, .oc = 7, .kh = 5, .kw = 5},
      {.ic = 10, .ih = 7, .iw = 7, .oc = 10, .kh = 5, .kw = 5, .pad_top = 2, .pad_left = 2,
       .pad_bottom = 2, .pad_right = 2},
      {.ic = 1, .ih = 14, .iw = 15, .oc = 33, .kh = 5, .kw = 5, .stride_h = 2, .stride_w = 2},
      {.ic = 3, .ih = 9, .iw = 4, .oc = 33, .kh = 7, .kw = 1, .pad_top = 3, .pad_bottom = 3},
      {.ic = 33, .ih = 4, .iw = 9, .oc = 2, .kh = 1, .kw = 7, .pad_left = 3, .pad_right = 3},
      {.ic = 7, .ih = 6, .iw = 6, .oc = 16, .kh = 2, .kw = 2, .stride_h = 2, .stride_w = 2},
      {.ic = 17, .ih = 10, .iw = 9, .oc = 17, .kh = 4, .kw = 4, .pad_top = 1, .pad_left = 1,
       .pad_bottom = 2, .pad_right = 2},
      // first layers, whose filter rows are unrolled: several panels, a part of one, dilated rows
      {.ic = 1, .ih = 19, .iw = 29, .oc = 6, .kh = 5, .kw = 5, .pad_top = 2, .pad_left = 2, .pad_bottom = 2,
       .pad_right = 2},
      {.ic = 1, .ih = 40, .iw = 16, .oc = 59, .kh = 2, .kw = 5, .dilation_h = 3},
      {.ic = 3, .ih = 13, .iw = 14, .oc = 64, .kh = 5, .kw = 5, .stride_h = 2},
      {.ic = 3, .ih = 31, .iw = 30, .oc = 64, .kh = 7, .kw = 7, .stride_h = 2, .stride_w = 2, .pad_top = 3,
       .pad_left = 3, .pad_bottom = 3, .pad_right = 3},
      // the window is the whole image, or larger than the image without its padding
      {.ic = 10, .ih = 5, .iw = 4, .oc = 32, .kh = 5, .kw = 4},
      {.ic = 3, .ih = 2, .iw = 2, .oc = 7, .kh = 3, .kw = 3, .pad_top = 2, .pad_left = 2,
       .pad_bottom = 2, .pad_right = 2},
      {.ic = 1, .ih = 2, .iw = 2, .oc = 1, .kh = 2, .kw = 2},
      // padding larger than the window: outputs that see no input, filter columns that meet none
      {.ic = 2, .ih = 3, .iw = 4, .oc = 3, .kh = 2, .kw = 2, .pad_top = 3, .pad_left = 3,
       .pad_bottom = 3, .pad_right = 3},
      {.ic = 3, .ih = 4, .iw = 1, .oc = 10, .kh = 1, .kw = 5, .pad_left = 2, .pad_right = 2},
      {.ic = 7, .ih = 3, .iw = 3, .oc = 2, .kh = 3, .kw = 3, .stride_h = 3, .stride_w = 3,
       .pad_top = 5, .pad_left = 4, .pad_bottom = 6, .pad_right = 7},
      // padding on one side only
      {.ic = 10, .ih = 5, .iw = 6, .oc = 7, .kh = 3, .kw = 2, .pad_top = 2},
      {.ic = 3, .ih = 5, .iw = 6, .oc = 17, .kh = 3, .kw = 3, .pad_right = 4},
      // the end of the image left out, alone, beside padding, and with a stride
      {.ic = 3, .ih = 7, .iw = 9, .oc = 10, .kh = 3, .kw = 3, .pad_bottom = -1, .pad_right = -2},
      {.ic = 17, .ih = 6, .iw = 5, .oc = 7, .pad_bottom = -2},
      {.ic = 2, .ih = 8, .iw = 8, .oc = 33, .kh = 3, .kw = 3, .pad_top = 1, .pad_left = 2,
       .pad_bottom = -3, .pad_right = -1},
      {.ic = 5, .ih = 9, .iw = 8, .oc = 16, .kh = 3, .kw = 2, .stride_h = 2, .stride_w = 2,
       .pad_bottom = -1, .pad_right = 1},
      {.ic = 1, .ih = 9, .iw = 9, .oc = 3, .kh = 2, .kw = 2, .pad_left = 1, .pad_bottom = -7,
       .pad_right = -8},
      // a stride longer than the window: pixels that no window sees
      {.ic = 7, .ih = 11, .iw = 11, .oc = 10, .kh = 2, .kw = 2, .stride_h = 3, .stride_w = 3},
      {.ic = 1, .ih = 9, .iw = 9, .oc = 1, .kh = 1, .kw = 1, .stride_h = 4, .stride_w = 5},
      // dilation, alone and with strides and padding
      {.ic = 7, .ih = 9, .iw = 9, .oc = 10, .kh = 3, .kw = 3, .dilation_h = 2, .dilation_w = 2},
      {.ic = 16, .ih = 8, .iw = 10, .oc = 3, .kh = 3, .kw = 3, .dilation_h = 1, .dilation_w = 3},
      {.ic = 3, .ih = 10, .iw = 8, .oc = 16, .kh = 3, .kw = 3, .dilation_h = 3, .dilation_w = 1},
      {.ic = 10, .ih = 12, .iw = 12, .oc = 7, .kh = 3, .kw = 2, .stride_h = 2, .stride_w = 3,
       .pad_top = 2, .pad_left = 3, .pad_bottom = 1, .pad_right = 2, .dilation_h = 2,
       .dilation_w = 3},
      {.ic = 2, .ih = 6, .iw = 6, .oc = 33, .kh = 2, .kw = 2, .stride_h = 2, .stride_w = 2,
       .pad_top = 4, .pad_left = 4, .pad_bottom = 4, .pad_right = 4, .dilation_h = 4,
       .dilation_w = 4},
      // strides with a dilation that shares a factor with them, or divides them, or that they divide
      {.ic = 17, .ih = 19, .iw = 23, .oc = 10, .kh = 3, .kw = 4, .stride_h = 4, .stride_w = 6,
       .pad_top = 3, .pad_left = 5, .pad_bottom = 2, .pad_right = 7, .dilation_h = 6, .dilation_w = 4},
      {.ic = 20, .ih = 17, .iw = 16, .oc = 9, .kh = 5, .kw = 4, .stride_h = 2, .stride_w = 4,
       .pad_top = 5, .pad_left = 1, .pad_bottom = -2, .pad_right = 3, .dilation_h = 4, .dilation_w = 2},
      {.ic = 18, .ih = 15, .iw = 14, .oc = 7, .kh = 4, .kw = 5, .stride_h = 3, .stride_w = 2,
       .pad_top = 1, .pad_left = 4, .pad_bottom = 3, .pad_right = -1, .dilation_h = 2, .dilation_w = 3},
      // padding, a stride, and an end left out that make windows see nothing, of as many channels as make it gather
      {.ic = 33, .ih = 3, .iw = 2, .oc = 5, .kh = 2, .kw = 3, .stride_h = 2, .stride_w = 3, .pad_top = 7,
       .pad_left = 8, .pad_bottom = 6, .pad_right = 9},
      {.ic = 34, .ih = 1, .iw = 1, .oc = 3, .kh = 3, .kw = 3, .stride_h = 2, .stride_w = 2, .pad_top = 1,
       .pad_left = 1, .pad_bottom = 1, .pad_right = 1},
      {.ic = 16, .ih = 13, .iw = 12, .oc = 6, .kh = 3, .kw = 3, .stride_h = 2, .stride_w = 3, .pad_top = 1,
       .pad_bottom = -6, .pad_right = -5},
      // a stride no shorter than the window
      {.ic = 33, .ih = 9, .iw = 11, .oc = 17, .kh = 2, .kw = 2, .stride_h = 2, .stride_w = 3},
      // many pixels: several bands, of rows and, where there is one row, of columns
      {.ic = 3, .ih = 40, .iw = 41, .oc = 20, .kh = 3, .kw = 3, .pad_top = 1, .pad_left = 1,
       .pad_bottom = 1, .pad_right = 1},
      {.ic = 20, .ih = 24, .iw = 25, .oc = 40},
      {.ic = 3, .ih = 100, .iw = 40, .oc = 8, .kh = 3, .kw = 3, .stride_h = 2, .stride_w = 2,
       .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1},
      {.ic = 2, .ih = 103, .iw = 9, .oc = 5, .kh = 3, .kw = 2, .pad_top = 2, .dilation_h = 2},
      {.ic = 1, .ih = 60, .iw = 70, .oc = 32, .kh = 3, .kw = 3},
      {.ic = 2, .ih = 1, .iw = 700, .oc = 5, .kh = 1, .kw = 3, .pad_left = 1, .pad_right = 1},
      {.ic = 33, .ih = 1, .iw = 700, .oc = 5, .kh = 1, .kw = 3, .stride_w = 3, .pad_left = 2, .pad_right = 1},
      {.ic = 33, .ih = 1, .iw = 701, .oc = 5, .kh = 1, .kw = 3, .stride_w = 2, .pad_left = 1, .dilation_w = 2},
      {.ic = 1, .ih = 1, .iw = 700, .oc = 64, .kh = 1, .kw = 3},
      {.ic = 17, .ih = 38, .iw = 35, .oc = 33, .kh = 3, .kw = 3, .stride_h = 2, .stride_w = 2,
       .pad_bottom = 1, .pad_right = 1},
      {.ic = 16, .ih = 30, .iw = 21, .oc = 64, .kh = 3, .kw = 3, .dilation_h = 2, .dilation_w = 2},
      {.ic = 64, .ih = 9, .iw = 40, .oc = 128, .kh = 1, .kw = 3, .stride_h = 1, .stride_w = 2},
      // several panels of channels and a rest
      {.ic = 140, .ih = 18, .iw = 17, .oc = 60, .kh = 3, .kw = 3},
      {.ic = 300, .ih = 21, .iw = 22, .oc = 65, .kh = 3, .kw = 3, .stride_h = 2, .stride_w = 2},
      {.ic = 5, .ih = 5, .iw = 6, .oc = 100, .kh = 3, .kw = 3},
      {.ic = 130, .ih = 5, .iw = 6, .oc = 9, .kh = 3, .kw = 3},
      {.ic = 70, .ih = 3, .iw = 17, .oc = 65, .kh = 2, .kw = 2},
  };
  // Every width of a row of outputs around the tallest tile, plain and with a stride.
  for (std::int64_t ow = 1; ow <= 30; ++ow) {
    shapes.push_back({.ic = 2, .ih = 4, .iw = ow + 2, .oc = 17, .kh = 3, .kw = 3});
    shapes.push_back({.ic = 3, .ih = 3, .iw = 2 * ow, .oc = 10, .kh = 3, .kw = 3, .stride_h = 1,
                      .stride_w = 2, .pad_left = 1});
  }
  // Every pair of channel counts around a vector's width.
  constexpr std::int64_t kChannels[] = {1, 2, 3, 7, 10, 16, 17, 32, 33, 64};
  for (const std::int64_t ic : kChannels) {
    for (const std::int64_t oc : kChannels) {
      shapes.push_back({.ic = ic, .ih = 4, .iw = 5, .oc = oc, .kh = 3, .kw = 3, .pad_top = 1,
                        .pad_left = 1, .pad_bottom = 1, .pad_right = 1});
    }
  }
  return shapes;
}

}  // namespace tilewise::testing
