#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
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
using testing::dst_size;
using testing::for_each_geometry;
using testing::GuardedArray;
using testing::Pattern;
using testing::random_values;
using testing::src_size;

TILEWISE_TESTS_KERNEL(max_pool_forward);
TILEWISE_TESTS_KERNEL(max_pool_backward);

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

struct Pooled {
  std::vector<float> dst;
  std::vector<PoolPlace> argmax;
};

Pooled forward(const PoolGeometry& g, const std::vector<float>& values) {
  const GuardedArray<float> src(values);
  GuardedArray<float> dst(dst_size(g));
  GuardedArray<PoolPlace> argmax(dst_size(g));
  default_kernels().max_pool_forward(g, src.data(), dst.data(), argmax.data());
  EXPECT_TRUE(src.intact() && dst.intact() && argmax.intact());
  return {{dst.span().begin(), dst.span().end()}, {argmax.span().begin(), argmax.span().end()}};
}

Pooled expected_forward(const PoolGeometry& g, const std::vector<float>& src) {
  Pooled pooled{std::vector<float>(static_cast<std::size_t>(dst_size(g))),
                std::vector<PoolPlace>(static_cast<std::size_t>(dst_size(g)))};
  reference::max_pool_forward(g, src.data(), pooled.dst.data(), pooled.argmax.data());
  return pooled;
}

std::vector<float> backward(const PoolGeometry& g, const std::vector<float>& gradient,
                            const std::vector<PoolPlace>& places) {
  const GuardedArray<float> d_dst(gradient);
  const GuardedArray<PoolPlace> argmax(places);
  GuardedArray<float> d_src(src_size(g));
  default_kernels().max_pool_backward(g, d_dst.data(), argmax.data(), d_src.data());
  EXPECT_TRUE(d_dst.intact() && argmax.intact() && d_src.intact());
  return {d_src.span().begin(), d_src.span().end()};
}

void check_forward(const PoolGeometry& g, const std::vector<float>& src) {
  const Pooled pooled = forward(g, src);
  const Pooled expected = expected_forward(g, src);
  ASSERT_TRUE(all_equal(pooled.dst, expected.dst));
  ASSERT_EQ(pooled.argmax, expected.argmax);
}

TEST(MaxPoolForward, matches_the_reference) {
  for_each_geometry([](const PoolGeometry& g) {
    check_forward(g, random_values(src_size(g), 1));
  });
}

// Seven different values: nearly every window has ties.
TEST(MaxPoolForward, takes_the_first_of_equals) {
  for_each_geometry([](const PoolGeometry& g) {
    check_forward(g, random_values(src_size(g), 2, Pattern::integers));
    check_forward(g, std::vector<float>(static_cast<std::size_t>(src_size(g)), -1.0F));
  });
}

TEST(MaxPoolForward, knows_nan_and_infinity) {
  for_each_geometry([](const PoolGeometry& g) {
    std::vector<float> src = random_values(src_size(g), 3);
    for (std::size_t i = 0; i < src.size(); ++i) {
      if (i % 7 == 0) src[i] = kNaN;
      if (i % 5 == 0) src[i] = -kInfinity;
      if (i % 11 == 0) src[i] = kInfinity;
    }
    check_forward(g, src);
    check_forward(g, std::vector<float>(src.size(), -kInfinity));
    check_forward(g, std::vector<float>(src.size(), kNaN));
  });
}

TEST(MaxPoolForward, example) {
  const PoolGeometry g{.ih = 2, .iw = 4, .oh = 1, .ow = 2, .channels = 1, .kh = 2, .kw = 2,
                          .stride_h = 2, .stride_w = 2};
  const Pooled pooled = forward(g, {1, 5, 2, 2,  //
                                    3, 5, 7, 7});
  EXPECT_EQ(pooled.dst, (std::vector<float>{5, 7}));
  EXPECT_EQ(pooled.argmax, (std::vector<PoolPlace>{1, 2}));
}

// As many taps as there may be.
TEST(MaxPoolForward, large_windows) {
  const PoolGeometry g{.ih = 256, .iw = 256, .oh = 1, .ow = 1, .channels = 3, .kh = 256,
                          .kw = 256, .stride_h = 256, .stride_w = 256};
  std::vector<float> src(static_cast<std::size_t>(src_size(g)), 0.0F);
  src[0] = 1;
  src[3 * 40'001 + 1] = 1;
  src.back() = 1;
  const Pooled pooled = forward(g, src);
  EXPECT_EQ(pooled.argmax, (std::vector<PoolPlace>{0, 40'001, 65'535}));
  const std::vector<float> d_src = backward(g, {2, 3, 4}, pooled.argmax);
  EXPECT_EQ(d_src.front(), 2);
  EXPECT_EQ(d_src[3 * 40'001 + 1], 3);
  EXPECT_EQ(d_src.back(), 4);
  EXPECT_EQ(std::ranges::count(d_src, 0.0F), src_size(g) - 3);
}

// Small integers, so that the order in which overlapping windows add does not matter.
TEST(MaxPoolBackward, matches_the_reference) {
  for_each_geometry([](const PoolGeometry& g) {
    const Pooled pooled = expected_forward(g, random_values(src_size(g), 1, Pattern::integers));
    const std::vector<float> d_dst = random_values(dst_size(g), 2, Pattern::integers);
    std::vector<float> expected(static_cast<std::size_t>(src_size(g)));
    reference::max_pool_backward(g, d_dst.data(), pooled.argmax.data(), expected.data());
    ASSERT_TRUE(all_equal(backward(g, d_dst, pooled.argmax), expected));
  });
}

TEST(MaxPoolBackward, keeps_nan_where_it_belongs) {
  const PoolGeometry g{.ih = 2, .iw = 2, .oh = 1, .ow = 1, .channels = 1, .kh = 2, .kw = 2,
                          .stride_h = 2, .stride_w = 2};
  EXPECT_TRUE(all_equal(backward(g, {kNaN}, {2}), std::vector<float>{0, 0, kNaN, 0}));
}

}  // namespace
}  // namespace tilewise::simd
