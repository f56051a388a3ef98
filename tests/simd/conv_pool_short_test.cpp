// Its forward pass is tested as a part of ConvPoolForward.

#include "tilewise/simd/conv_pool_short.hpp"

#include <gtest/gtest.h>

#include <cstdint>
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
using testing::all_near;
using testing::GuardedArray;
using testing::magnitudes;
using testing::Pattern;
using testing::random_values;
using testing::widen;

TILEWISE_TESTS_KERNEL(conv_pool_weights);

PoolGeometry two_by_two(const ConvShape& s, std::int64_t stride_h, std::int64_t stride_w) {
  return {.ih = s.oh(), .iw = s.ow(), .oh = (s.oh() - 2) / stride_h + 1,
          .ow = (s.ow() - 2) / stride_w + 1, .channels = s.oc, .kh = 2, .kw = 2,
          .stride_h = stride_h, .stride_w = stride_w};
}

struct Data {
  Data(const ConvShape& s, const PoolGeometry& pool, Pattern pattern)
      : src(random_values(s.src_size(), 1, pattern)),
        d_pooled(random_values(pool.oh * pool.ow * s.oc, 2, pattern)),
        d_wei(random_values(s.wei_size(), 3, pattern)) {
    for (std::size_t i = 0; i < d_pooled.size(); ++i) {
      argmax.push_back(static_cast<PoolPlace>(i * 7919 % 101 % 4));
    }
  }
  std::vector<float> src, d_pooled;
  std::vector<float> d_wei;  ///< the gradient so far
  std::vector<PoolPlace> argmax;
};

std::vector<float> run(const ConvShape& s, const PoolGeometry& pool, const Data& data) {
  const ConvPoolShort conv(default_kernels(), s, pool);
  const GuardedArray<float> src(data.src), d_pooled(data.d_pooled);
  const GuardedArray<PoolPlace> argmax(data.argmax);
  GuardedArray<float> d_wei(data.d_wei), scratch(conv.scratch_floats());
  conv.weights(src.data(), d_pooled.data(), argmax.data(), d_wei.data(),
               Workspace(scratch.data(), conv.scratch_floats()));
  EXPECT_TRUE(src.intact() && d_pooled.intact() && argmax.intact());
  EXPECT_TRUE(d_wei.intact() && scratch.intact());
  return {d_wei.span().begin(), d_wei.span().end()};
}

std::vector<double> expected(const ConvShape& s, const PoolGeometry& pool, const Data& data,
                             std::vector<double> (*convert)(std::span<const float>)) {
  std::vector<double> d_dst(static_cast<std::size_t>(s.dst_size()));
  std::vector<double> d_wei = convert(data.d_wei);
  reference::max_pool_backward(pool, convert(data.d_pooled).data(), data.argmax.data(), d_dst.data());
  reference::conv_backward_weights(s, convert(data.src).data(), d_dst.data(), d_wei.data());
  return d_wei;
}

TEST(ConvPoolShort, weights_match_the_reference) {
  int compared = 0;
  for (const ConvShape& s : testing::awkward_convolutions()) {
    if (s.oh() < 2 || s.ow() < 2) continue;
    for (const auto& pool : {two_by_two(s, 2, 2), two_by_two(s, 1, 3)}) {
      if (!ConvPoolShort::possible(s, pool)) continue;
      SCOPED_TRACE(s.to_string());
      ++compared;
      const Data exact(s, pool, Pattern::integers);
      ASSERT_TRUE(all_equal(run(s, pool, exact), expected(s, pool, exact, widen)));
      const Data real(s, pool, Pattern::uniform);
      const double windows = static_cast<double>(pool.oh * pool.ow);
      ASSERT_TRUE(all_near(run(s, pool, real), expected(s, pool, real, widen),
                           testing::bounds(windows + 1, expected(s, pool, real, magnitudes))));
    }
  }
  EXPECT_GT(compared, 50);
}

TEST(ConvPoolShort, wants_few_taps_and_two_by_two_windows) {
  const ConvShape many{.ic = 32, .ih = 6, .iw = 6, .oc = 2, .kh = 3, .kw = 3};
  EXPECT_THROW(ConvPoolShort(default_kernels(), many, two_by_two(many, 2, 2)), ArgumentError);
  const ConvShape few{.ic = 1, .ih = 6, .iw = 6, .oc = 2, .kh = 3, .kw = 3};
  PoolGeometry pool = two_by_two(few, 2, 2);
  EXPECT_TRUE(ConvPoolShort::possible(few, pool));
  pool.kw = 3;
  EXPECT_FALSE(ConvPoolShort::possible(few, pool));
  pool = two_by_two(few, 2, 2);
  pool.pad_top = 1;
  EXPECT_FALSE(ConvPoolShort::possible(few, pool));
  pool = two_by_two(few, 2, 2);
  pool.oh = 3;
  EXPECT_FALSE(ConvPoolShort::possible(few, pool));
}

TEST(ConvPoolShort, rejects_what_is_no_convolution) {
  EXPECT_THROW(ConvPoolShort(default_kernels(), {.ic = 0}, {}), ShapeError);
}

}  // namespace
}  // namespace tilewise::simd
