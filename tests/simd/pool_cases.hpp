#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::testing {

inline std::int64_t src_size(const simd::PoolGeometry& g) { return g.ih * g.iw * g.channels; }
inline std::int64_t dst_size(const simd::PoolGeometry& g) { return g.oh * g.ow * g.channels; }

/// Windows that fit and do not, overlap, leave gaps, and reach over every edge of the image.
inline std::vector<simd::PoolGeometry> pool_geometries() {
  return {
      // 2x2 over even and odd images: the last row and column are in no window, or in half a one
      {.ih = 4, .iw = 6, .oh = 2, .ow = 3, .kh = 2, .kw = 2, .stride_h = 2, .stride_w = 2},
      {.ih = 11, .iw = 11, .oh = 5, .ow = 5, .kh = 2, .kw = 2, .stride_h = 2, .stride_w = 2},
      {.ih = 5, .iw = 7, .oh = 3, .ow = 4, .kh = 2, .kw = 2, .stride_h = 2, .stride_w = 2},
      // the identity, and the whole image
      {.ih = 3, .iw = 4, .oh = 3, .ow = 4},
      {.ih = 3, .iw = 5, .oh = 1, .ow = 1, .kh = 3, .kw = 5, .stride_h = 3, .stride_w = 5},
      // overlapping in both directions, or in one
      {.ih = 6, .iw = 7, .oh = 2, .ow = 3, .kh = 3, .kw = 3, .stride_h = 2, .stride_w = 2},
      {.ih = 5, .iw = 5, .oh = 4, .ow = 4, .kh = 2, .kw = 2},
      {.ih = 6, .iw = 6, .oh = 5, .ow = 2, .kh = 2, .kw = 3, .stride_w = 3},
      // gaps between windows
      {.ih = 8, .iw = 8, .oh = 3, .ow = 2, .kh = 2, .kw = 2, .stride_h = 3, .stride_w = 4},
      {.ih = 7, .iw = 7, .oh = 3, .ow = 3, .stride_h = 3, .stride_w = 3},
      // a gap one way and an overlap the other
      {.ih = 7, .iw = 6, .oh = 2, .ow = 4, .kh = 2, .kw = 3, .stride_h = 4, .stride_w = 1},
      // padding
      {.ih = 5, .iw = 5, .oh = 3, .ow = 3, .kh = 3, .kw = 3, .stride_h = 2, .stride_w = 2,
       .pad_top = 1, .pad_left = 1},
      {.ih = 5, .iw = 5, .oh = 5, .ow = 5, .kh = 3, .kw = 3, .pad_top = 1, .pad_left = 1},
      {.ih = 4, .iw = 5, .oh = 3, .ow = 3, .kh = 2, .kw = 2, .stride_h = 2, .stride_w = 2,
       .pad_top = 1, .pad_left = 1},
      {.ih = 2, .iw = 1, .oh = 2, .ow = 1, .kh = 4, .kw = 5, .pad_top = 2, .pad_left = 2},
      {.ih = 6, .iw = 9, .oh = 2, .ow = 2, .kh = 3, .kw = 5, .stride_h = 3, .stride_w = 5,
       .pad_left = 1},
  };
}

inline std::string describe(const simd::PoolGeometry& g) {
  return "ih" + std::to_string(g.ih) + "iw" + std::to_string(g.iw) + "oh" + std::to_string(g.oh) +
         "ow" + std::to_string(g.ow) + "kh" + std::to_string(g.kh) + "kw" + std::to_string(g.kw) +
         "sh" + std::to_string(g.stride_h) + "sw" + std::to_string(g.stride_w) + "pt" +
         std::to_string(g.pad_top) + "pl" + std::to_string(g.pad_left) + " channels " +
         std::to_string(g.channels);
}

/// Calls body(geometry) for each geometry and number of channels.
template <class Body>
void for_each_geometry(Body body) {
  for (simd::PoolGeometry g : pool_geometries()) {
    std::vector<std::int64_t> channels = {48, 64, 101};  // four vectors at once, two and one
    for (std::int64_t c = 1; c <= 33; ++c) channels.push_back(c);
    for (const std::int64_t c : channels) {
      g.channels = c;
      SCOPED_TRACE(describe(g));
      body(g);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

}  // namespace tilewise::testing
