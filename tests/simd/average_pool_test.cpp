#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "simd/pool_cases.hpp"
#include "support/guarded_array.hpp"
#include "support/random_data.hpp"
#include "support/reference.hpp"
#include "support/tested_kernels.hpp"
#include "support/tolerance.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {
namespace {

using testing::all_equal;
using testing::all_near;
using testing::dst_size;
using testing::for_each_geometry;
using testing::GuardedArray;
using testing::magnitudes;
using testing::random_values;
using testing::src_size;
using testing::widen;

TILEWISE_TESTS_KERNEL(average_pool_forward);
TILEWISE_TESTS_KERNEL(average_pool_backward);

std::vector<float> forward(const PoolGeometry& g, const std::vector<float>& values) {
  const GuardedArray<float> src(values);
  GuardedArray<float> dst(dst_size(g));
  default_kernels().average_pool_forward(g, src.data(), dst.data());
  EXPECT_TRUE(src.intact() && dst.intact());
  return {dst.span().begin(), dst.span().end()};
}

std::vector<float> backward(const PoolGeometry& g, const std::vector<float>& gradient) {
  const GuardedArray<float> d_dst(gradient);
  GuardedArray<float> d_src(src_size(g));
  default_kernels().average_pool_backward(g, d_dst.data(), d_src.data());
  EXPECT_TRUE(d_dst.intact() && d_src.intact());
  return {d_src.span().begin(), d_src.span().end()};
}

// A sum of at most kh kw terms, and a division.
TEST(AveragePoolForward, matches_the_reference) {
  for_each_geometry([](const PoolGeometry& g) {
    const std::vector<float> src = random_values(src_size(g), 1);
    std::vector<double> expected(static_cast<std::size_t>(dst_size(g))), scale(expected.size());
    reference::average_pool_forward(g, widen(src).data(), expected.data());
    reference::average_pool_forward(g, magnitudes(src).data(), scale.data());
    ASSERT_TRUE(all_near(forward(g, src), expected,
                         testing::bounds(static_cast<double>(g.kh * g.kw + 1), scale)));
  });
}

// Many channels: several vectors at once, and what is left of them.
TEST(AveragePoolForward, of_many_channels) {
  PoolGeometry g{.ih = 7, .iw = 7, .oh = 1, .ow = 1, .kh = 7, .kw = 7, .stride_h = 7,
                    .stride_w = 7};
  for (g.channels = 60; g.channels <= 200; g.channels += 7) {
    const std::vector<float> src = random_values(src_size(g), 1);
    std::vector<double> expected(static_cast<std::size_t>(g.channels)), scale(expected.size());
    reference::average_pool_forward(g, widen(src).data(), expected.data());
    reference::average_pool_forward(g, magnitudes(src).data(), scale.data());
    ASSERT_TRUE(all_near(forward(g, src), expected, testing::bounds(50, scale))) << g.channels;
  }
}

// What TensorFlow and Keras give for padding "same": of the second window of a row two elements count.
TEST(AveragePoolForward, does_not_count_padding) {
  const PoolGeometry g{.ih = 3, .iw = 3, .oh = 2, .ow = 2, .channels = 1, .kh = 2, .kw = 2,
                          .stride_h = 2, .stride_w = 2};
  EXPECT_TRUE(all_equal(forward(g, {1, 2, 3,  //
                                    4, 5, 6,  //
                                    7, 8, 9}),
                        std::vector<float>{3, 4.5F, 7.5F, 9}));
  EXPECT_TRUE(all_equal(backward(g, {4, 6, 8, 10}), std::vector<float>{1, 1, 3,  //
                                                                       1, 1, 3,  //
                                                                       4, 4, 10}));
}

// The mean of equal values is that value: small integers have exact sums, and are divided exactly.
TEST(AveragePoolForward, of_equal_values) {
  for_each_geometry([](const PoolGeometry& g) {
    ASSERT_TRUE(all_equal(forward(g, std::vector<float>(static_cast<std::size_t>(src_size(g)), 3)),
                          std::vector<float>(static_cast<std::size_t>(dst_size(g)), 3)));
  });
}

TEST(AveragePoolForward, passes_nan_on_to_its_windows_alone) {
  for_each_geometry([](const PoolGeometry& g) {
    std::vector<float> src = random_values(src_size(g), 1);
    src[src.size() / 2] = std::numeric_limits<float>::quiet_NaN();
    std::vector<double> expected(static_cast<std::size_t>(dst_size(g)));
    reference::average_pool_forward(g, widen(src).data(), expected.data());
    const std::vector<float> dst = forward(g, src);
    for (std::size_t i = 0; i < dst.size(); ++i) {
      ASSERT_EQ(std::isnan(dst[i]), std::isnan(expected[i])) << i;
    }
  });
}

// Of each window a division, and a sum over the windows that an element is in, at most kh kw.
TEST(AveragePoolBackward, matches_the_reference) {
  for_each_geometry([](const PoolGeometry& g) {
    const std::vector<float> d_dst = random_values(dst_size(g), 2);
    std::vector<double> expected(static_cast<std::size_t>(src_size(g))), scale(expected.size());
    reference::average_pool_backward(g, widen(d_dst).data(), expected.data());
    reference::average_pool_backward(g, magnitudes(d_dst).data(), scale.data());
    ASSERT_TRUE(all_near(backward(g, d_dst), expected,
                         testing::bounds(static_cast<double>(g.kh * g.kw + 1), scale)));
  });
}

}  // namespace
}  // namespace tilewise::simd
