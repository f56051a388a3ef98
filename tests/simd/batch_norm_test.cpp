#include <gtest/gtest.h>

#include <cstdint>
#include <string>
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
using testing::GuardedArray;
using testing::magnitudes;
using testing::Pattern;
using testing::random_values;
using testing::widen;

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

/// Calls body(rows, columns, pattern) for columns around stripes of one to eight vectors.
template <class Body>
void for_each_matrix(Body body) {
  std::vector<std::int64_t> columns = testing::vector_sizes();
  const std::int64_t width = default_kernels().vector_floats;
  for (const std::int64_t vectors : {3, 4, 5, 8, 9}) {
    for (const std::int64_t more : {-1, 0, 1}) columns.push_back(vectors * width + more);
  }
  // Several rows at a time, a page apart.
  for (const std::int64_t c : {96, 255, 256, 300, 512, 1001}) columns.push_back(c);
  for (const std::int64_t c : columns) {
    for (const std::int64_t rows : {0, 1, 2, 13, 150}) {
      for (const Pattern pattern : {Pattern::integers, Pattern::uniform}) {
        SCOPED_TRACE(std::to_string(rows) + " x " + std::to_string(c));
        body(rows, c, pattern);
      }
    }
  }
}

/// -|v|: subtracted from |x| it gives the magnitude of a difference.
Doubles negative(const Floats& values) {
  Doubles result = magnitudes(values);
  for (double& value : result) value = -value;
  return result;
}

void expect_near(Pattern pattern, const GuardedArray<float>& actual, const Doubles& expected,
                 double roundings, const Doubles& scale) {
  EXPECT_TRUE(actual.intact());
  if (pattern == Pattern::integers) {
    ASSERT_TRUE(all_equal(actual.span(), expected));
  } else {
    ASSERT_TRUE(all_near(actual.span(), expected, testing::bounds(roundings, scale)));
  }
}

TILEWISE_TESTS_KERNEL(column_deviations);

TEST(ColumnDeviations, adds_deviations_and_their_squares) {
  for_each_matrix([](std::int64_t rows, std::int64_t columns, Pattern pattern) {
    const Floats src = random_values(rows * columns, 1, pattern);
    const Floats center = random_values(columns, 2, pattern);
    const Floats before = random_values(columns, 3, pattern);
    const GuardedArray<float> x(src), middle(center);
    GuardedArray<float> sums(before), squares(before);
    default_kernels().column_deviations(rows, columns, x.data(), middle.data(), sums.data(),
                                        squares.data());
    Doubles sum = widen(before), square = widen(before);
    reference::column_deviations(rows, columns, widen(src).data(), widen(center).data(), sum.data(),
                                 square.data());
    Doubles sum_scale = magnitudes(before), square_scale = magnitudes(before);
    reference::column_deviations(rows, columns, magnitudes(src).data(), negative(center).data(),
                                 sum_scale.data(), square_scale.data());
    const auto n = static_cast<double>(rows);
    expect_near(pattern, sums, sum, n + 1, sum_scale);
    expect_near(pattern, squares, square, n + 3, square_scale);
    EXPECT_TRUE(x.intact() && middle.intact());
  });
}

TILEWISE_TESTS_KERNEL(scale_shift);

TEST(ScaleShift, scales_and_shifts_every_row) {
  for_each_matrix([](std::int64_t rows, std::int64_t columns, Pattern pattern) {
    const Floats src = random_values(rows * columns, 1, pattern);
    const Floats scale = random_values(columns, 2, pattern);
    const Floats shift = random_values(columns, 3, pattern);
    const GuardedArray<float> x(src), factor(scale), summand(shift);
    GuardedArray<float> dst(rows * columns);
    default_kernels().scale_shift(rows, columns, factor.data(), summand.data(), x.data(), dst.data());
    Doubles expected(src.size()), magnitude(src.size());
    reference::scale_shift(rows, columns, widen(scale).data(), widen(shift).data(), widen(src).data(),
                           expected.data());
    reference::scale_shift(rows, columns, magnitudes(scale).data(), magnitudes(shift).data(),
                           magnitudes(src).data(), magnitude.data());
    expect_near(pattern, dst, expected, 2, magnitude);
    EXPECT_TRUE(x.intact() && factor.intact() && summand.intact());
  });
}

TILEWISE_TESTS_KERNEL(batch_norm_sums);

TEST(BatchNormSums, adds_gradients_and_their_products_with_deviations) {
  for_each_matrix([](std::int64_t rows, std::int64_t columns, Pattern pattern) {
    const Floats src = random_values(rows * columns, 1, pattern);
    const Floats d_dst = random_values(rows * columns, 2, pattern);
    const Floats center = random_values(columns, 3, pattern);
    const Floats before = random_values(columns, 4, pattern);
    const GuardedArray<float> x(src), d(d_dst), middle(center);
    GuardedArray<float> sums(before), products(before);
    default_kernels().batch_norm_sums(rows, columns, x.data(), middle.data(), d.data(), sums.data(),
                                      products.data());
    Doubles sum = widen(before), product = widen(before);
    reference::batch_norm_sums(rows, columns, widen(src).data(), widen(center).data(),
                               widen(d_dst).data(), sum.data(), product.data());
    Doubles sum_scale = magnitudes(before), product_scale = magnitudes(before);
    reference::batch_norm_sums(rows, columns, magnitudes(src).data(), negative(center).data(),
                               magnitudes(d_dst).data(), sum_scale.data(), product_scale.data());
    const auto n = static_cast<double>(rows);
    expect_near(pattern, sums, sum, n, sum_scale);
    expect_near(pattern, products, product, n + 2, product_scale);
    EXPECT_TRUE(x.intact() && d.intact() && middle.intact());
  });
}

TILEWISE_TESTS_KERNEL(batch_norm_backward);

TEST(BatchNormBackward, combines_gradients_and_deviations) {
  for_each_matrix([](std::int64_t rows, std::int64_t columns, Pattern pattern) {
    const Floats src = random_values(rows * columns, 1, pattern);
    const Floats d_dst = random_values(rows * columns, 2, pattern);
    const Floats center = random_values(columns, 3, pattern);
    const Floats scale = random_values(columns, 4, pattern);
    const Floats slope = random_values(columns, 5, pattern);
    const Floats offset = random_values(columns, 6, pattern);
    const GuardedArray<float> x(src), d(d_dst), middle(center), a(scale), b(slope), c(offset);
    GuardedArray<float> d_src(rows * columns);
    default_kernels().batch_norm_backward(
        rows, columns,
        {.center = middle.data(), .scale = a.data(), .slope = b.data(), .offset = c.data()}, x.data(),
        d.data(), d_src.data());
    Doubles expected(src.size()), magnitude(src.size());
    reference::batch_norm_backward(rows, columns, widen(center).data(), widen(scale).data(),
                                   widen(slope).data(), widen(offset).data(), widen(src).data(),
                                   widen(d_dst).data(), expected.data());
    reference::batch_norm_backward(rows, columns, negative(center).data(), magnitudes(scale).data(),
                                   magnitudes(slope).data(), magnitudes(offset).data(),
                                   magnitudes(src).data(), magnitudes(d_dst).data(), magnitude.data());
    expect_near(pattern, d_src, expected, 5, magnitude);
    EXPECT_TRUE(x.intact() && d.intact() && middle.intact() && a.intact() && b.intact() && c.intact());
  });
}

}  // namespace
}  // namespace tilewise::simd
