#include "tilewise/simd/conv_pooled_backward.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
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
using testing::all_near;
using testing::GuardedArray;
using testing::magnitudes;
using testing::Pattern;
using testing::random_values;
using testing::same_bits;
using testing::widen;

TILEWISE_TESTS_KERNEL(add_sparse);

TEST(AddSparse, adds_weighted_runs_to_runs) {
  const KernelTable& kernels = default_kernels();
  // Lists that overlap, one that is empty, terms that repeat, two sums for one run.
  const std::vector<SparseTerm> terms = {{0, 2}, {7, -1}, {3, 0.5F}, {7, 3}, {1, 1}};
  for (std::int64_t n = kernels.vector_floats; n <= kMaxSparseVectors * kernels.vector_floats; ++n) {
    SCOPED_TRACE(n);
    const std::vector<SparseSum> sums = {{0, 3, n + 2}, {1, 0, 0}, {2, 3, 1}, {4, 1, n + 2}};
    const std::vector<float> values = random_values(n + 7, 1, Pattern::integers);
    const std::vector<float> before = random_values(2 * n + 2, 2, Pattern::integers);
    const GuardedArray<float> src(values);
    GuardedArray<float> dst(before);
    kernels.add_sparse(4, sums.data(), terms.data(), src.data(), n, dst.data());
    std::vector<float> expected = before;
    for (const SparseSum& sum : sums) {
      for (std::int32_t t = sum.first; t < sum.first + sum.count; ++t) {
        const SparseTerm& term = terms[static_cast<std::size_t>(t)];
        for (std::int64_t i = 0; i < n; ++i) {
          expected[static_cast<std::size_t>(sum.dst + i)] +=
              term.value * values[static_cast<std::size_t>(term.offset + i)];
        }
      }
    }
    ASSERT_TRUE(src.intact() && dst.intact());
    ASSERT_TRUE(all_equal(dst.span(), expected));
  }
}

TILEWISE_TESTS_KERNEL(list_picked);

TEST(ListPicked, lists_gradients_of_one_place_that_are_not_zero) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  for (std::int64_t n = 0; n <= 70; ++n) {
    std::vector<float> values = random_values(n, 1, Pattern::integers);
    if (n > 3) values[3] = kNaN;
    std::vector<PoolPlace> places;
    for (std::int64_t i = 0; i < n; ++i) places.push_back(static_cast<PoolPlace>(i * 7 % 5 % 4));
    const GuardedArray<float> gradient(values);
    const GuardedArray<PoolPlace> argmax(places);
    for (std::int32_t place = 0; place < 5; ++place) {
      std::vector<SparseTerm> expected;
      for (std::int64_t i = 0; i < n; ++i) {
        const auto at = static_cast<std::size_t>(i);
        if (places[at] == place && values[at] != 0) {
          expected.push_back({static_cast<std::int32_t>(i) * 9, values[at]});
        }
      }
      GuardedArray<SparseTerm> terms(static_cast<std::int64_t>(expected.size()));
      const std::int32_t count =
          default_kernels().list_picked(n, gradient.data(), argmax.data(), place, 9, terms.data());
      ASSERT_TRUE(gradient.intact() && argmax.intact() && terms.intact());
      ASSERT_EQ(count, static_cast<std::int32_t>(expected.size()));
      for (std::int32_t t = 0; t < count; ++t) {
        const SparseTerm& term = expected[static_cast<std::size_t>(t)];
        EXPECT_EQ(terms[t].offset, term.offset);
        EXPECT_TRUE(terms[t].value == term.value || std::isnan(term.value));
      }
    }
  }
}

/// Poolings of a convolution's output: 2x2, overlapping with padding, and the whole image.
std::vector<PoolGeometry> poolings(const ConvShape& s) {
  const PoolGeometry image{.ih = s.oh(), .iw = s.ow(), .channels = s.oc};
  std::vector<PoolGeometry> result;
  PoolGeometry g = image;
  if (s.oh() >= 2 && s.ow() >= 2) {
    g.oh = s.oh() / 2;
    g.ow = s.ow() / 2;
    g.kh = g.kw = g.stride_h = g.stride_w = 2;
    result.push_back(g);
  }
  if (s.oh() >= 3 && s.ow() >= 2) {
    g = image;
    g.kh = 3;
    g.kw = 2;
    g.stride_h = 2;
    g.pad_top = 1;
    g.oh = (s.oh() + 1 - 3) / 2 + 1;
    g.ow = s.ow() - 1;
    result.push_back(g);
  }
  if (s.oh() * s.ow() < 200) {
    g = image;
    g.oh = g.ow = 1;
    g.kh = s.oh();
    g.kw = s.ow();
    result.push_back(g);
  }
  return result;
}

struct Data {
  Data(const ConvShape& conv, const PoolGeometry& pool, Pattern pattern)
      : src(random_values(conv.src_size(), 1, pattern)),
        wei(random_values(conv.wei_size(), 2, pattern)),
        d_wei(random_values(conv.wei_size(), 3, pattern)),
        d_pooled(random_values(pool.oh * pool.ow * pool.channels, 4, pattern)),
        argmax(d_pooled.size()) {
    // Whatever pixels were the largest.
    std::vector<float> pooled(d_pooled.size());
    reference::max_pool_forward(
        pool, random_values(conv.dst_size(), 5, pattern).data(), pooled.data(), argmax.data());
    // Some windows have no gradient.
    for (std::size_t i = 0; i < pooled.size(); ++i) d_pooled[i] = pooled[i] > 0 ? d_pooled[i] : 0;
  }

  std::vector<float> src, wei;
  std::vector<float> d_wei;  ///< the gradient so far
  std::vector<float> d_pooled;
  std::vector<PoolPlace> argmax;
};

struct Gradients {
  std::vector<float> d_wei, d_src;
};

Gradients run(const ConvShape& shape, const PoolGeometry& pool, const Data& data) {
  const ConvPooledBackward conv(default_kernels(), shape, pool);
  const GuardedArray<float> src(data.src), d_pooled(data.d_pooled);
  const GuardedArray<PoolPlace> argmax(data.argmax);
  GuardedArray<float> packed(conv.packed_floats()), d_src(shape.src_size()), scratch(conv.scratch_floats());
  const Workspace workspace(scratch.data(), conv.scratch_floats());
  conv.pack(data.wei.data(), packed.data());
  conv.data(d_pooled.data(), argmax.data(), packed.data(), d_src.data(), workspace);
  conv.pack(data.d_wei.data(), packed.data());
  conv.weights(src.data(), d_pooled.data(), argmax.data(), packed.data(), workspace);
  std::vector<float> d_wei(data.d_wei.size());
  conv.unpack(packed.data(), d_wei.data());
  EXPECT_TRUE(src.intact() && d_pooled.intact() && argmax.intact());
  EXPECT_TRUE(packed.intact() && d_src.intact() && scratch.intact());
  return {std::move(d_wei), {d_src.span().begin(), d_src.span().end()}};
}

struct Expected {
  Expected(const ConvShape& shape, const PoolGeometry& pool, const Data& data,
           std::vector<double> (*convert)(std::span<const float>))
      : d_wei(convert(data.d_wei)), d_src(data.src.size()) {
    std::vector<double> d_dst(static_cast<std::size_t>(shape.dst_size()));
    reference::max_pool_backward(pool, convert(data.d_pooled).data(), data.argmax.data(), d_dst.data());
    reference::conv_backward_weights(shape, convert(data.src).data(), d_dst.data(), d_wei.data());
    reference::conv_backward_data(shape, d_dst.data(), convert(data.wei).data(), d_src.data());
  }
  std::vector<double> d_wei, d_src;
};

TEST(ConvPooledBackward, matches_the_reference) {
  int compared = 0;
  for (const ConvShape& shape : testing::awkward_convolutions()) {
    if (!ConvPooledBackward::possible(default_kernels(), shape)) continue;
    for (const PoolGeometry& pool : poolings(shape)) {
      SCOPED_TRACE(shape.to_string() + ", window " + std::to_string(pool.kh) + " x " +
                   std::to_string(pool.kw));
      ++compared;
      const Data exact(shape, pool, Pattern::integers);
      const Gradients sums = run(shape, pool, exact);
      const Expected expected(shape, pool, exact, widen);
      ASSERT_TRUE(all_equal(sums.d_wei, expected.d_wei));
      ASSERT_TRUE(all_equal(sums.d_src, expected.d_src));

      const Data real(shape, pool, Pattern::uniform);
      const Gradients actual = run(shape, pool, real);
      const Expected value(shape, pool, real, widen), scale(shape, pool, real, magnitudes);
      // A product for each window, and what was there; one for each tap and channel, of each window that
      // a pixel is in.
      const double windows = static_cast<double>(pool.oh * pool.ow);
      ASSERT_TRUE(all_near(actual.d_wei, value.d_wei, testing::bounds(windows + 1, scale.d_wei)));
      const double terms = static_cast<double>(shape.kh * shape.kw * shape.oc) *
                           static_cast<double>(pool.kh * pool.kw);
      ASSERT_TRUE(all_near(actual.d_src, value.d_src, testing::bounds(terms, scale.d_src)));
    }
  }
  EXPECT_GT(compared, 100);
}

TEST(ConvPooledBackward, keeps_not_a_number) {
  const ConvShape shape{.ic = 16, .ih = 4, .iw = 4, .oc = 1, .kh = 3, .kw = 3};
  const PoolGeometry pool{.ih = 2, .iw = 2, .oh = 1, .ow = 1, .channels = 1, .kh = 2, .kw = 2,
                             .stride_h = 2, .stride_w = 2};
  Data data(shape, pool, Pattern::integers);
  data.d_pooled = {std::numeric_limits<float>::quiet_NaN()};
  EXPECT_TRUE(std::isnan(run(shape, pool, data).d_wei[0]));
}

TEST(ConvPooledBackward, wants_filter_rows_of_a_vector) {
  const PoolGeometry pool{.ih = 4, .iw = 4, .oh = 2, .ow = 2, .channels = 2, .kh = 2, .kw = 2,
                             .stride_h = 2, .stride_w = 2};
  const ConvShape narrow{.ic = 1, .ih = 6, .iw = 6, .oc = 2, .kh = 3, .kw = 3};
  EXPECT_THROW(ConvPooledBackward(default_kernels(), narrow, pool), ArgumentError);
  const ConvShape dilated{.ic = 32, .ih = 6, .iw = 8, .oc = 2, .kh = 3, .kw = 3, .dilation_w = 2};
  EXPECT_FALSE(ConvPooledBackward::possible(default_kernels(), dilated));
}

TEST(ConvPooledBackward, rejects_what_is_no_convolution) {
  EXPECT_THROW(ConvPooledBackward(default_kernels(), {.ic = 0, .oc = 0}, {}), ShapeError);
}

}  // namespace
}  // namespace tilewise::simd
