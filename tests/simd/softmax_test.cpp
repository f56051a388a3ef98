#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "support/guarded_array.hpp"
#include "support/random_data.hpp"
#include "simd/softmax_rows.hpp"
#include "support/reference.hpp"
#include "support/tested_kernels.hpp"
#include "support/tolerance.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {
namespace {

using testing::all_equal;
using testing::all_near;
using testing::gamma;
using testing::GuardedArray;
using testing::magnitudes;
using testing::random_values;
using testing::same_bits;
using testing::widen;

TILEWISE_TESTS_KERNEL(softmax);
TILEWISE_TESTS_KERNEL(softmax_backward);

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
std::vector<float> run_softmax(std::int64_t rows, const std::vector<float>& values) {
  const GuardedArray<float> src(values);
  GuardedArray<float> dst(static_cast<std::int64_t>(values.size()));
  default_kernels().softmax(rows, static_cast<std::int64_t>(values.size()) / rows, src.data(),
                            dst.data());
  EXPECT_TRUE(src.intact() && dst.intact());
  return {dst.span().begin(), dst.span().end()};
}

TEST(Softmax, matches_the_reference) {
  for (const std::int64_t classes : kClasses) {
    SCOPED_TRACE(classes);
    const std::vector<float> logits = logits_of(classes);
    std::vector<double> expected(logits.size());
    reference::softmax(kRows, classes, widen(logits).data(), expected.data());
    ASSERT_TRUE(all_near(run_softmax(kRows, logits), expected,
                         softmax_bounds(logits, expected, classes)));
  }
}

TEST(Softmax, rows_add_up_to_one) {
  const std::vector<float> dst = run_softmax(kRows, logits_of(100));
  for (std::int64_t row = 0; row < kRows; ++row) {
    const auto first = dst.begin() + row * 100;
    EXPECT_NEAR(std::accumulate(first, first + 100, 0.0), 1.0, gamma(100 + 4));
  }
}

TEST(Softmax, works_in_place) {
  std::vector<float> values = logits_of(17);
  const std::vector<float> expected = run_softmax(kRows, values);
  default_kernels().softmax(kRows, 17, values.data(), values.data());
  EXPECT_TRUE(same_bits(values, expected));
}

TEST(Softmax, of_no_rows_does_nothing) { default_kernels().softmax(0, 10, nullptr, nullptr); }

TEST(Softmax, gives_minus_infinity_no_share) {
  EXPECT_TRUE(all_equal(run_softmax(1, {-kInfinity, 0, -kInfinity, 0}),
                        std::vector<float>{0, 0.5F, 0, 0.5F}));
}

// Divergence must show: a NaN anywhere in a row, or no finite maximum, makes the row NaN, and no
// other.
TEST(Softmax, passes_nan_on) {
  for (const std::int64_t classes : {1, 3, 10, 16, 17, 33}) {
    for (std::int64_t place = 0; place < classes; ++place) {
      std::vector<float> logits = random_values(3 * classes, 2);
      logits[static_cast<std::size_t>(classes + place)] = kNaN;
      const std::vector<float> dst = run_softmax(3, logits);
      for (std::int64_t i = 0; i < 3 * classes; ++i) {
        ASSERT_EQ(std::isnan(dst[static_cast<std::size_t>(i)]), i / classes == 1)
            << "NaN at " << place << " of " << classes << ", looked at " << i;
      }
    }
  }
}

TEST(SoftmaxBackward, matches_the_reference) {
  for (const std::int64_t classes : kClasses) {
    SCOPED_TRACE(classes);
    const std::vector<float> dst = run_softmax(kRows, logits_of(classes));
    const std::vector<float> d_dst = random_values(kRows * classes, 2);
    std::vector<double> expected(dst.size());
    reference::softmax_backward(kRows, classes, widen(dst).data(), widen(d_dst).data(),
                                expected.data());
    // The dot product is off by gamma(n) of its magnitudes; then a difference and a product.
    std::vector<double> bounds(dst.size());
    for (std::size_t i = 0; i < dst.size(); ++i) {
      const std::size_t first = i - i % static_cast<std::size_t>(classes);
      double scale = 0;
      for (std::size_t j = first; j < first + static_cast<std::size_t>(classes); ++j) {
        scale += std::abs(static_cast<double>(dst[j]) * d_dst[j]);
      }
      bounds[i] = dst[i] * (gamma(static_cast<double>(classes) + 2) * scale +
                            gamma(2) * std::abs(static_cast<double>(d_dst[i])));
      bounds[i] += kUnderflow;
    }
    const GuardedArray<float> dst_array(dst);
    const GuardedArray<float> d_dst_array(d_dst);
    GuardedArray<float> d_src(kRows * classes);
    default_kernels().softmax_backward(kRows, classes, dst_array.data(), d_dst_array.data(),
                                       d_src.data());
    ASSERT_TRUE(dst_array.intact() && d_dst_array.intact() && d_src.intact());
    ASSERT_TRUE(all_near(d_src.span(), expected, bounds));

    std::vector<float> in_place = d_dst;
    default_kernels().softmax_backward(kRows, classes, dst.data(), in_place.data(),
                                       in_place.data());
    ASSERT_TRUE(same_bits(in_place, d_src.span()));
  }
}

}  // namespace
}  // namespace tilewise::simd
