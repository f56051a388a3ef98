#include "tilewise/simd/conv_pool_forward.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "simd/conv_cases.hpp"
#include "support/guarded_array.hpp"
#include "support/random_data.hpp"
#include "support/reference.hpp"
#include "support/tested_kernels.hpp"
#include "support/tolerance.hpp"
#include "tilewise/core/error.hpp"

namespace tilewise::simd {
namespace {

using testing::all_equal;
using testing::GuardedArray;
using testing::Pattern;
using testing::random_values;
using testing::same_bits;

TILEWISE_TESTS_KERNEL(conv_pool);

struct Pooled {
  std::vector<float> dst;
  std::vector<PoolPlace> argmax;
};

struct Data {
  Data(const ConvShape& s, Pattern pattern)
      : src(random_values(s.src_size(), 1, pattern)),
        wei(random_values(s.wei_size(), 2, pattern)),
        bias(random_values(s.oc, 3, pattern)) {}
  std::vector<float> src, wei, bias;
};

/// The same in both: tiles of 4 x 4 would not be for single images (conv_choice_test.cpp).
constexpr ConvAlgorithm kAlgorithm = ConvAlgorithm::winograd_2x2;

Pooled run(const ConvShape& s, const PoolGeometry& pool, const Data& data, bool relu) {
  const ConvPoolForward conv(default_kernels(), s, pool, kAlgorithm);
  const GuardedArray<float> src(data.src), bias(data.bias);
  GuardedArray<float> packed(conv.packed_floats()), scratch(conv.scratch_floats());
  GuardedArray<float> dst(pool.oh * pool.ow * s.oc);
  GuardedArray<PoolPlace> argmax(pool.oh * pool.ow * s.oc);
  conv.pack(data.wei.data(), packed.data());
  conv.image(src.data(), packed.data(), bias.data(), relu, dst.data(), argmax.data(),
             Workspace(scratch.data(), conv.scratch_floats()));
  EXPECT_TRUE(src.intact() && bias.intact() && packed.intact() && scratch.intact());
  EXPECT_TRUE(dst.intact() && argmax.intact());
  return {{dst.span().begin(), dst.span().end()}, {argmax.span().begin(), argmax.span().end()}};
}

/// Convolution and pooling as kernels of their own.
Pooled one_after_the_other(const ConvShape& s, const PoolGeometry& pool, const Data& data) {
  const ConvForward conv(default_kernels(), s, kAlgorithm);
  AlignedBuffer<float> packed(conv.packed_floats());
  std::vector<float> convolved(static_cast<std::size_t>(s.dst_size()));
  conv.pack(data.wei.data(), packed.data());
  AlignedBuffer<float> scratch(conv.scratch_floats());
  conv.images(1, data.src.data(), packed.data(), data.bias.data(), kNoFloor, convolved.data(),
              Workspace(scratch.data(), scratch.size()));
  const auto size = static_cast<std::size_t>(pool.oh * pool.ow * s.oc);
  Pooled result{std::vector<float>(size), std::vector<PoolPlace>(size)};
  reference::max_pool_forward(pool, convolved.data(), result.dst.data(), result.argmax.data());
  return result;
}

/// 2x2 with strides of 2, 1 x 3 and one that leaves the last row and column out; and a 3x2.
std::vector<PoolGeometry> poolings(const ConvShape& s) {
  std::vector<PoolGeometry> result;
  const auto add = [&](std::int64_t kh, std::int64_t kw, std::int64_t stride_h, std::int64_t stride_w) {
    if (s.oh() < kh || s.ow() < kw) return;
    result.push_back({.ih = s.oh(), .iw = s.ow(), .oh = (s.oh() - kh) / stride_h + 1,
                      .ow = (s.ow() - kw) / stride_w + 1, .channels = s.oc, .kh = kh, .kw = kw,
                      .stride_h = stride_h, .stride_w = stride_w});
  };
  add(2, 2, 2, 2);
  add(2, 2, 1, 3);
  add(3, 2, 2, 2);
  return result;
}

TEST(ConvPoolForward, has_the_bits_of_convolution_then_pooling) {
  for (const ConvShape& s : testing::awkward_convolutions()) {
    for (const PoolGeometry& pool : poolings(s)) {
      SCOPED_TRACE(s.to_string() + ", window " + std::to_string(pool.kh) + " x " +
                   std::to_string(pool.kw) + ", strides " + std::to_string(pool.stride_h) + ", " +
                   std::to_string(pool.stride_w));
      const Data data(s, Pattern::uniform);
      const Pooled actual = run(s, pool, data, false);
      const Pooled expected = one_after_the_other(s, pool, data);
      ASSERT_TRUE(same_bits(actual.dst, expected.dst));
      ASSERT_EQ(actual.argmax, expected.argmax);
      // ReLU comes after the arg-max: where all are negative the largest is still known.
      std::vector<float> cut = expected.dst;
      for (float& value : cut) value = value < 0 ? 0 : value;
      const Pooled relu = run(s, pool, data, true);
      ASSERT_TRUE(all_equal(relu.dst, cut));
      ASSERT_EQ(relu.argmax, expected.argmax);
    }
  }
}

TEST(ConvPoolForward, of_equal_values_takes_the_first_and_of_nans_the_last) {
  const ConvShape s{.ic = 1, .ih = 4, .iw = 4, .oc = 9, .kh = 3, .kw = 3};
  const PoolGeometry pool = poolings(s)[0];
  Data data(s, Pattern::integers);
  data.src.assign(data.src.size(), 1);
  EXPECT_EQ(run(s, pool, data, false).argmax, std::vector<PoolPlace>(9, 0));
  data.src[5] = std::numeric_limits<float>::quiet_NaN();  // all four pixels see it
  for (const bool relu : {true, false}) {
    const Pooled pooled = run(s, pool, data, relu);
    EXPECT_EQ(pooled.argmax, std::vector<PoolPlace>(9, 3));
    EXPECT_TRUE(std::isnan(pooled.dst[0]) && std::isnan(pooled.dst[8]));
  }
}

TEST(ConvPoolForward, rejects_what_is_no_convolution) {
  EXPECT_THROW(ConvPoolForward(default_kernels(), {.ic = 0, .stride_h = 0}, {}), ShapeError);
}

}  // namespace
}  // namespace tilewise::simd
