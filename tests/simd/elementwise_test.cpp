#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <numeric>
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
using testing::GuardedArray;
using testing::random_values;
using testing::same_bits;
using testing::vector_sizes;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

/// Random values with every special one among them.
std::vector<float> special_values(std::int64_t size, std::uint32_t seed) {
  constexpr float kSpecial[] = {0.0F,      -0.0F, kNaN, kInfinity, -kInfinity,
                                0x1p-149F, 3e38F, -1.0F};
  std::vector<float> values = random_values(size, seed);
  for (std::size_t i = 0; i < values.size(); i += 2) values[i] = kSpecial[i / 2 % 8];
  return values;
}

TILEWISE_TESTS_KERNEL(add);

TEST(Add, adds) {
  for (const std::int64_t n : vector_sizes()) {
    const GuardedArray<float> src(special_values(n, 1));
    GuardedArray<float> dst(random_values(n, 2));
    std::vector<float> expected(dst.span().begin(), dst.span().end());
    reference::add(n, src.data(), expected.data());
    default_kernels().add(n, src.data(), dst.data());
    ASSERT_TRUE(all_equal(dst.span(), expected));
    ASSERT_TRUE(src.intact() && dst.intact());
  }
}

TEST(Add, doubles_in_place) {
  std::vector<float> values = random_values(37, 1);
  std::vector<float> expected = values;
  for (float& value : expected) value += value;
  default_kernels().add(37, values.data(), values.data());
  EXPECT_TRUE(same_bits(values, expected));
}

TILEWISE_TESTS_KERNEL(scale_bytes);

TEST(ScaleBytes, scales_every_byte) {
  for (const float scale : {1.0F, 1 / 255.0F, -3.0F}) {
    for (const std::int64_t n : {0, 1, 3, 15, 16, 17, 31, 64, 256, 1000}) {
      GuardedArray<std::uint8_t> src(n);
      std::iota(src.span().begin(), src.span().end(), std::uint8_t{0});
      GuardedArray<float> dst(n);
      std::vector<float> expected(static_cast<std::size_t>(n));
      reference::scale_bytes(n, src.data(), scale, expected.data());
      default_kernels().scale_bytes(n, src.data(), scale, dst.data());
      ASSERT_TRUE(same_bits(dst.span(), expected));
      ASSERT_TRUE(src.intact() && dst.intact());
    }
  }
}

TILEWISE_TESTS_KERNEL(relu_forward);

TEST(ReluForward, clips_and_keeps_nan) {
  for (const std::int64_t n : vector_sizes()) {
    const GuardedArray<float> src(special_values(n, 1));
    GuardedArray<float> dst(n);
    std::vector<float> expected(static_cast<std::size_t>(n));
    reference::relu_forward(n, src.data(), expected.data());
    default_kernels().relu_forward(n, src.data(), dst.data());
    ASSERT_TRUE(all_equal(dst.span(), expected));
    ASSERT_TRUE(src.intact() && dst.intact());
  }
}

TEST(ReluForward, works_in_place) {
  for (const std::int64_t n : vector_sizes()) {
    std::vector<float> values = special_values(n, 1);
    std::vector<float> expected = values;
    reference::relu_forward(n, expected.data(), expected.data());
    default_kernels().relu_forward(n, values.data(), values.data());
    ASSERT_TRUE(all_equal(values, expected));
  }
}

TILEWISE_TESTS_KERNEL(relu_backward);

TEST(ReluBackward, passes_gradients_of_positive_outputs) {
  for (const std::int64_t n : vector_sizes()) {
    const GuardedArray<float> dst(special_values(n, 1));
    const GuardedArray<float> d_dst(special_values(n + 1, 2));
    GuardedArray<float> d_src(n);
    std::vector<float> expected(static_cast<std::size_t>(n));
    // One off, so that special values do not meet only their likes.
    reference::relu_backward(n, dst.data(), d_dst.data() + 1, expected.data());
    default_kernels().relu_backward(n, dst.data(), d_dst.data() + 1, d_src.data());
    ASSERT_TRUE(all_equal(d_src.span(), expected));
    ASSERT_TRUE(dst.intact() && d_dst.intact() && d_src.intact());
  }
}

TEST(ReluBackward, works_in_place) {
  for (const std::int64_t n : vector_sizes()) {
    const std::vector<float> dst = special_values(n, 1);
    std::vector<float> gradient = random_values(n, 2);
    std::vector<float> expected = gradient;
    reference::relu_backward(n, dst.data(), expected.data(), expected.data());
    default_kernels().relu_backward(n, dst.data(), gradient.data(), gradient.data());
    ASSERT_TRUE(all_equal(gradient, expected));
  }
}

TILEWISE_TESTS_KERNEL(bias_gradient);

// The order of the sum is documented, so the result is exact.
TEST(BiasGradient, adds_rows_in_order) {
  const auto check = [](std::int64_t rows, std::int64_t channels) {
    const GuardedArray<float> d_dst(random_values(rows * channels, 1));
    GuardedArray<float> d_bias(random_values(channels, 2));
    std::vector<float> expected(d_bias.span().begin(), d_bias.span().end());
    reference::bias_gradient(rows, channels, d_dst.data(), expected.data());
    default_kernels().bias_gradient(rows, channels, d_dst.data(), d_bias.data());
    EXPECT_TRUE(same_bits(d_bias.span(), expected)) << rows << " x " << channels;
    EXPECT_TRUE(d_dst.intact() && d_bias.intact());
  };
  for (const std::int64_t channels : vector_sizes()) {
    for (const std::int64_t rows : {0, 1, 2, 13}) check(rows, channels);
  }
  // Rows of so many vectors that all their sums are in registers.
  for (const std::int64_t vectors : {1, 2, 4, 8, 16}) check(29, vectors * default_kernels().vector_floats);
  // More rows than are added at once, and some left over; many short ones; a few long ones.
  check(30, 1000);
  check(2500, 10);
  check(3, 25'000);
}

}  // namespace
}  // namespace tilewise::simd
