// The kernel alone; conv_backward_weights_test.cpp tests what uses it.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "support/guarded_array.hpp"
#include "support/random_data.hpp"
#include "support/tested_kernels.hpp"
#include "support/tolerance.hpp"
#include "tilewise/simd/conv_backward_weights.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {
namespace {

using testing::all_equal;
using testing::GuardedArray;
using testing::random_values;

TILEWISE_TESTS_KERNEL(conv_short_weights);

struct Case {
  ShortRun run;
  std::int64_t filter_rows, rows, pixels, channels;
};

/// Runs the kernel on rows that have something between them, which is not touched, and compares all of d_wei with the
/// documented sums: their order is fixed, one fused multiply-add each, or a multiplication and an addition where there
/// is no FMA.
::testing::AssertionResult check(const Case& c) {
  const bool has_fma = default_kernels().isa != Isa::sse2;
  const std::int64_t terms = c.run.terms, width = (c.pixels - 1) * c.run.step + terms + 2;
  const std::int64_t step = c.channels + 3, d_dst_row = c.pixels * step + 5;
  GuardedArray<float> src(random_values((c.rows + c.filter_rows - 2) * width + width - 2, 1));
  GuardedArray<float> d_dst(random_values((c.rows - 1) * d_dst_row + (c.pixels - 1) * step + c.channels, 2));
  GuardedArray<float> d_wei(random_values((c.filter_rows * terms - 1) * step + c.channels, 3));
  std::vector<float> expected(d_wei.span().begin(), d_wei.span().end());
  for (std::int64_t tap = 0; tap < c.filter_rows * terms; ++tap) {
    for (std::int64_t channel = 0; channel < c.channels; ++channel) {
      float sum = 0;
      for (std::int64_t row = 0; row < c.rows; ++row) {
        for (std::int64_t pixel = 0; pixel < c.pixels; ++pixel) {
          const float a = src[(row + tap / terms) * width + pixel * c.run.step + tap % terms];
          const float b = d_dst[row * d_dst_row + pixel * step + channel];
          sum = has_fma ? std::fma(a, b, sum) : a * b + sum;
        }
      }
      expected[static_cast<std::size_t>(tap * step + channel)] += sum;
    }
  }
  default_kernels().conv_short_weights({.run = c.run,
                                        .filter_rows = c.filter_rows,
                                        .filter_row_step = width,
                                        .src = src.data(),
                                        .rows = c.rows,
                                        .src_row_step = width,
                                        .dst_row_step = d_dst_row,
                                        .pixels = c.pixels,
                                        .dst_step = step,
                                        .channels = c.channels},
                                       d_dst.data(), d_wei.data());
  if (!src.intact() || !d_dst.intact() || !d_wei.intact()) {
    return ::testing::AssertionFailure() << "something in front of an array was written";
  }
  return all_equal(d_wei.span(), expected);
}

TEST(ConvShortWeights, sums_pixels_in_order) {
  const std::int64_t width = default_kernels().vector_floats;
  for (int terms = 1; terms <= kMostShortTerms; ++terms) {
    for (const std::int64_t channels :
         {std::int64_t{1}, width - 1, width, width + 3, 2 * width, 3 * width + 1, 4 * width, 9 * width + 2}) {
      for (const std::int64_t filter_rows : {1, 2, 3, 4, 5, 7}) {
        SCOPED_TRACE(std::to_string(terms) + " terms, " + std::to_string(filter_rows) + " rows, " +
                     std::to_string(channels) + " channels");
        ASSERT_TRUE(check({{terms, 1}, filter_rows, 3, 5, channels}));
        ASSERT_TRUE(check({{terms, terms + 1}, filter_rows, 1, 1, channels}));
      }
    }
  }
}

TEST(ConvShortWeights, are_taken_for_few_terms) {
  const auto kernel = [](std::int64_t ic, std::int64_t kw, std::int64_t dilation_w) {
    const ConvShape shape{.ic = ic, .ih = 20, .iw = 40, .oc = 32, .kh = 2, .kw = kw, .dilation_w = dilation_w};
    return ConvBackwardWeights(default_kernels(), shape).kernel();
  };
  const std::string is_short = "conv_short_weights";
  EXPECT_EQ(kernel(1, kMostShortTerms, 1), is_short);
  EXPECT_EQ(kernel(3, kMostShortTerms / 3, 1), is_short);
  EXPECT_NE(kernel(1, kMostShortTerms + 1, 1), is_short);
  EXPECT_NE(kernel(1, 3, 2), is_short);  // whose taps are not adjacent
}

TEST(ConvShortWeights, are_taken_before_winograds_filtering) {
  const auto kernel = [](std::int64_t ic) {
    const ConvShape shape{.ic = ic, .ih = 32, .iw = 32, .oc = 64, .kh = 3, .kw = 3};
    return ConvBackwardWeights(default_kernels(), shape).kernel();
  };
  EXPECT_EQ(kernel(3), "conv_short_weights");
  EXPECT_EQ(kernel(8), "winograd 4x4");
}

}  // namespace
}  // namespace tilewise::simd
