#include "tilewise/simd/pool_geometry.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "tilewise/core/error.hpp"
#include "tilewise/simd/conv_pool_forward.hpp"
#include "tilewise/simd/conv_pool_short.hpp"
#include "tilewise/simd/conv_pooled_backward.hpp"

namespace tilewise::simd {
namespace {

constexpr ConvShape kConv{.ic = 8, .ih = 12, .iw = 10, .oc = 16, .kh = 3, .kw = 3};

PoolGeometry pooled() {
  return {.ih = 10, .iw = 8, .oh = 5, .ow = 4, .channels = 16, .kh = 2, .kw = 2, .stride_h = 2, .stride_w = 2};
}

TEST(CheckedPoolOf, takes_windows_that_see_pixels) {
  EXPECT_NO_THROW(checked_pool_of(kConv, pooled()));
  PoolGeometry padded = pooled();  // the first and the last window see one row and one column each
  padded.oh = 6;
  padded.ow = 5;
  padded.pad_top = padded.pad_left = 1;
  EXPECT_NO_THROW(checked_pool_of(kConv, padded));
}

TEST(CheckedPoolOf, refuses_what_does_not_fit_the_convolution) {
  const std::function<void(PoolGeometry&)> mistakes[] = {
      [](PoolGeometry& g) { g.channels = 17; },
      [](PoolGeometry& g) { g.ih = 11; },
      [](PoolGeometry& g) { g.iw = 7; },
      [](PoolGeometry& g) { g.oh = 6; },
      [](PoolGeometry& g) { g.ow = 5; },
      [](PoolGeometry& g) { g.oh = 0; },
      [](PoolGeometry& g) { g.kh = 0; },
      [](PoolGeometry& g) { g.stride_w = 0; },
      [](PoolGeometry& g) { g.pad_left = -1; },
      [](PoolGeometry& g) { g.pad_top = 2; },
      [](PoolGeometry& g) { g.kh = g.kw = 300; },
  };
  for (const auto& mistake : mistakes) {
    PoolGeometry pool = pooled();
    mistake(pool);
    SCOPED_TRACE(&mistake - mistakes);
    EXPECT_THROW(checked_pool_of(kConv, pool), ShapeError);
    EXPECT_THROW(ConvPoolForward(default_kernels(), kConv, pool), ShapeError);
    EXPECT_THROW(ConvPooledBackward(default_kernels(), kConv, pool), ShapeError);
    EXPECT_THROW(ConvPoolShort(default_kernels(), kConv, pool), ShapeError);
  }
}

}  // namespace
}  // namespace tilewise::simd
