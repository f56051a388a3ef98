// What happens to gradients between their sum and the optimizer.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "support/guarded_array.hpp"
#include "support/random_data.hpp"
#include "support/reference.hpp"
#include "support/tested_kernels.hpp"
#include "support/tolerance.hpp"
#include "support/vector_sizes.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {
namespace {

using testing::all_equal;
using testing::all_near;
using testing::gamma;
using testing::GuardedArray;
using testing::random_values;
using testing::vector_sizes;
using testing::widen;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

TILEWISE_TESTS_KERNEL(add_scaled);

TEST(AddScaled, matches_the_reference) {
  for (const std::int64_t n : vector_sizes()) {
    const GuardedArray<float> src(random_values(n, 1));
    GuardedArray<float> dst(random_values(n, 2));
    std::vector<double> expected = widen(dst.span());
    reference::add_scaled(n, static_cast<double>(0.3F), widen(src.span()).data(), expected.data());
    std::vector<double> bounds;
    for (std::size_t i = 0; i < expected.size(); ++i) {  // a product and a sum
      bounds.push_back(gamma(1) * std::abs(0.3 * src.span()[i]) + gamma(1) * (std::abs(expected[i]) + 1e-6));
    }
    default_kernels().add_scaled(n, 0.3F, src.data(), dst.data());
    ASSERT_TRUE(src.intact() && dst.intact());
    ASSERT_TRUE(all_near(dst.span(), expected, bounds));
  }
}

TILEWISE_TESTS_KERNEL(scale_and_clip);

// One rounding, so that the reference in float has to be met.
TEST(ScaleAndClip, is_the_reference) {
  for (const std::int64_t n : vector_sizes()) {
    for (const auto& [factor, limit] : {std::pair{1.0F, 0.5F}, {0.3F, kInfinity}, {3.0F, 0.01F}}) {
      GuardedArray<float> values(random_values(n, 1)), clipped(n);
      std::vector<float> expected(static_cast<std::size_t>(n));
      reference::scale_and_clip(n, factor, limit, values.data(), expected.data());
      default_kernels().scale_and_clip(n, factor, limit, values.data(), clipped.data());
      ASSERT_TRUE(values.intact() && clipped.intact());
      ASSERT_TRUE(all_equal(clipped.span(), expected));
      default_kernels().scale_and_clip(n, factor, limit, values.data(), values.data());
      ASSERT_TRUE(all_equal(values.span(), expected));
    }
  }
}

TEST(ScaleAndClip, passes_nan_on_and_clips_infinity) {
  for (std::size_t place = 0; place < 20; ++place) {
    std::vector<float> values(20, 2.0F);
    values[place] = kNaN;
    values[(place + 1) % 20] = -kInfinity;
    std::vector<float> expected(20, 1.0F);
    expected[place] = kNaN;
    expected[(place + 1) % 20] = -1.0F;
    default_kernels().scale_and_clip(20, 1, 1, values.data(), values.data());
    ASSERT_TRUE(all_equal(values, expected));
  }
}

TILEWISE_TESTS_KERNEL(sum_squares);

TEST(SumSquares, matches_the_reference) {
  for (const std::int64_t n : vector_sizes()) {
    const GuardedArray<float> src(random_values(n, 1, testing::Pattern::spread));
    const double expected = reference::sum_squares(n, src.data());
    // Squares of floats are exact in double.
    const double bound = static_cast<double>(2 * n) * 0x1p-53 * expected;
    ASSERT_NEAR(default_kernels().sum_squares(n, src.data()), expected, bound);
  }
}

TEST(SumSquares, does_not_overflow) {
  const std::vector<float> src(40, 2e38F);
  const double square = std::pow(static_cast<double>(2e38F), 2);
  EXPECT_NEAR(default_kernels().sum_squares(40, src.data()), 40 * square, 40 * square * 0x1p-48);
}

TEST(SumSquares, same_bits_on_every_instruction_set) {
  const std::vector<float> src = random_values(1001, 3);
  const double expected = default_kernels().sum_squares(1001, src.data());
  for (const Isa isa : supported_isas()) {
    EXPECT_EQ(kernel_table(isa).sum_squares(1001, src.data()), expected) << isa_name(isa);
  }
}

TILEWISE_TESTS_KERNEL(all_finite);

TEST(AllFinite, sees_what_is_not_finite_anywhere) {
  for (const std::int64_t n : vector_sizes()) {
    std::vector<float> values = random_values(n, 1);
    if (n > 1) {
      values[0] = -std::numeric_limits<float>::max();
      values[1] = std::numeric_limits<float>::denorm_min();
    }
    GuardedArray<float> src(values);
    ASSERT_TRUE(default_kernels().all_finite(n, src.data()));
    ASSERT_TRUE(reference::all_finite(n, src.data()));
    for (std::int64_t place = 0; place < n; ++place) {
      for (const float bad : {kInfinity, -kInfinity, kNaN, -kNaN}) {
        const float kept = src[place];
        src[place] = bad;
        ASSERT_FALSE(default_kernels().all_finite(n, src.data())) << bad << " at " << place << " of " << n;
        src[place] = kept;
      }
    }
  }
}

}  // namespace
}  // namespace tilewise::simd
