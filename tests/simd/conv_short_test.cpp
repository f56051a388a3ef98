// The kernel alone; ConvDirect, which uses it, is tested as a part of ConvForward.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "support/guarded_array.hpp"
#include "support/random_data.hpp"
#include "support/tested_kernels.hpp"
#include "support/tolerance.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {
namespace {

using testing::all_equal;
using testing::GuardedArray;
using testing::random_values;

TILEWISE_TESTS_KERNEL(conv_short);

constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Case {
  ShortRun run;
  std::int64_t filter_rows, rows, pixels, channels;
};

/// Rows of pixels and rows of dst have something between them that is not touched.
class ShortRows {
 public:
  explicit ShortRows(const Case& c)
      : c_(c),
        width_((c.pixels - 1) * c.run.step + c.run.terms + 2),
        columns_(kShortVectors * default_kernels().vector_floats),
        src_(random_values((c.rows + c.filter_rows - 2) * width_ + width_ - 2, 1)),
        wei_(random_values(c.filter_rows * c.run.terms * columns_, 2)),
        bias_(random_values(c.channels, 3)),
        dst_(random_values((c.rows - 1) * dst_row() + (c.pixels - 1) * dst_step() + c.channels, 4)) {}

  /// Runs the kernel and compares all of dst with the documented sums: their order is fixed, one fused multiply-add
  /// each, or a multiplication and an addition where there is no FMA.
  ::testing::AssertionResult check(float floor) {
    std::vector<float> expected(dst_.span().begin(), dst_.span().end());
    for (std::int64_t row = 0; row < c_.rows; ++row) {
      for (std::int64_t pixel = 0; pixel < c_.pixels; ++pixel) {
        for (std::int64_t channel = 0; channel < c_.channels; ++channel) {
          const float value = sum(row, pixel, channel);
          expected[static_cast<std::size_t>(row * dst_row() + pixel * dst_step() + channel)] =
              value < floor ? floor : value;
        }
      }
    }
    default_kernels().conv_short({.run = c_.run,
                                  .filter_rows = c_.filter_rows,
                                  .filter_row_step = width_,
                                  .src = src_.data(),
                                  .rows = c_.rows,
                                  .src_row_step = width_,
                                  .dst_row_step = dst_row(),
                                  .pixels = c_.pixels,
                                  .dst_step = dst_step(),
                                  .wei = wei_.data(),
                                  .channels = c_.channels,
                                  .bias = bias_.data(),
                                  .floor = floor,
                                  .dst = dst_.data()});
    if (!src_.intact() || !wei_.intact() || !bias_.intact() || !dst_.intact()) {
      return ::testing::AssertionFailure() << "something in front of an array was written";
    }
    return all_equal(dst_.span(), expected);
  }

  GuardedArray<float>& src() { return src_; }

 private:
  std::int64_t dst_step() const { return c_.channels + 3; }
  std::int64_t dst_row() const { return c_.pixels * dst_step() + 5; }

  float sum(std::int64_t row, std::int64_t pixel, std::int64_t channel) {
    const bool has_fma = default_kernels().isa != Isa::sse2;
    float result = 0;
    for (std::int64_t r = 0; r < c_.filter_rows; ++r) {
      for (std::int64_t t = 0; t < c_.run.terms; ++t) {
        const float a = src_[(row + r) * width_ + pixel * c_.run.step + t];
        const float b = wei_[(r * c_.run.terms + t) * columns_ + channel];
        result = has_fma ? std::fma(a, b, result) : a * b + result;
      }
    }
    return result + bias_[channel];
  }

  Case c_;
  std::int64_t width_, columns_;
  GuardedArray<float> src_, wei_, bias_, dst_;
};

TEST(ConvShort, sums_filter_rows_in_order) {
  const std::int64_t width = default_kernels().vector_floats, before = (kShortVectors - 1) * width;
  for (const ShortRun& run : kShortRuns) {
    for (const std::int64_t channels : {before + 1, before + width / 2 + 1, before + width - 1, before + width}) {
      for (const std::int64_t pixels : {1, 3, 4, 7, 8, 9, 17, 26}) {
        SCOPED_TRACE(std::to_string(run.terms) + " terms, step " + std::to_string(run.step) + ", " +
                     std::to_string(channels) + " channels, " + std::to_string(pixels) + " pixels");
        ASSERT_TRUE(ShortRows({run, 3, 1, pixels, channels}).check(-kInfinity));
        ASSERT_TRUE(ShortRows({run, 1, 3, pixels, channels}).check(0));
      }
    }
  }
}

TEST(ConvShort, leaves_nan_and_raises_to_the_floor) {
  for (const ShortRun& run : kShortRuns) {
    ShortRows rows({run, 2, 2, 9, kShortVectors * default_kernels().vector_floats});
    rows.src()[5] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_TRUE(rows.check(0));
    EXPECT_TRUE(rows.check(-0.5F));
  }
}

TEST(ConvShort, of_no_pixels_writes_nothing) {
  const std::vector<float> bias(static_cast<std::size_t>(kShortVectors * default_kernels().vector_floats));
  default_kernels().conv_short({.run = kShortRuns[0],
                                .filter_rows = 3,
                                .rows = 2,
                                .pixels = 0,
                                .channels = static_cast<std::int64_t>(bias.size()),
                                .bias = bias.data()});
}

}  // namespace
}  // namespace tilewise::simd
