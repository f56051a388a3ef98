#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "support/guarded_array.hpp"
#include "support/random_data.hpp"
#include "support/reference.hpp"
#include "support/tested_kernels.hpp"
#include "support/tolerance.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {
namespace {

using testing::GuardedArray;
using testing::random_values;
using testing::same_bits;

constexpr std::int64_t kExtents[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 70};

using Kernel = void (*)(std::int64_t, std::int64_t, const float*, std::int64_t, float*, std::int64_t,
                        std::int64_t) noexcept;
using Reference = void (*)(std::int64_t, std::int64_t, const float*, std::int64_t, float*, std::int64_t,
                           std::int64_t);

/// Compares all of dst, what lies between its rows too, for many extents and strides.
void check(Kernel kernel, Reference reference, bool transposes) {
  for (const std::int64_t rows : kExtents) {
    for (const std::int64_t columns : kExtents) {
      for (const std::int64_t gap : {0, 3}) {
        for (const std::int64_t padding : {0, 5}) {
          SCOPED_TRACE(std::to_string(rows) + " x " + std::to_string(columns) + ", gap " +
                       std::to_string(gap) + ", padding " + std::to_string(padding));
          const std::int64_t out_rows = transposes ? columns : rows;
          const std::int64_t out_columns = transposes ? rows : columns;
          const std::int64_t src_stride = columns + gap;
          const std::int64_t dst_stride = out_columns + padding + gap;
          const std::int64_t size = out_rows == 0 ? 0 : (out_rows - 1) * dst_stride + out_columns + padding;
          const GuardedArray<float> src(
              random_values(rows == 0 ? 0 : (rows - 1) * src_stride + columns, 1));
          GuardedArray<float> dst(random_values(size, 2));
          std::vector<float> expected(dst.span().begin(), dst.span().end());
          reference(rows, columns, src.data(), src_stride, expected.data(), dst_stride,
                    out_columns + padding);
          kernel(rows, columns, src.data(), src_stride, dst.data(), dst_stride, out_columns + padding);
          ASSERT_TRUE(src.intact() && dst.intact());
          ASSERT_TRUE(same_bits(dst.span(), expected));
        }
      }
    }
  }
}

TILEWISE_TESTS_KERNEL(copy_matrix);

TEST(CopyMatrix, copies_rows_and_pads_them_with_zeros) {
  check(default_kernels().copy_matrix, reference::copy_matrix<float>, false);
}

TILEWISE_TESTS_KERNEL(transpose);

TEST(TransposeMatrix, swaps_rows_and_columns_and_pads_with_zeros) {
  check(default_kernels().transpose, reference::transpose<float>, true);
}

TILEWISE_TESTS_KERNEL(add_rows);

// In the documented order, to the bit.
TEST(AddRows, adds_each_row_times_its_factor) {
  const bool has_fma = default_kernels().isa != Isa::sse2;
  for (const std::int64_t k : {0, 1, 2, 7, 8, 9, 15, 16, 17, 40}) {
    for (const std::int64_t n : kExtents) {
      for (const std::int64_t x_stride : {1, 4}) {
        for (const std::int64_t gap : {0, 3}) {
          SCOPED_TRACE(std::to_string(k) + " rows of " + std::to_string(n) + ", gap " + std::to_string(gap));
          const std::int64_t ldb = n + gap;
          const GuardedArray<float> x(random_values(k == 0 ? 0 : (k - 1) * x_stride + 1, 1));
          const GuardedArray<float> b(random_values(k == 0 ? 0 : (k - 1) * ldb + n, 2));
          GuardedArray<float> y(random_values(n, 3));
          std::vector<float> expected(y.span().begin(), y.span().end());
          for (std::int64_t l = 0; l < k; ++l) {
            for (std::int64_t j = 0; j < n; ++j) {
              const float factor = x.data()[l * x_stride], value = b.data()[l * ldb + j];
              float& sum = expected[static_cast<std::size_t>(j)];
              sum = has_fma ? std::fma(factor, value, sum) : factor * value + sum;
            }
          }
          default_kernels().add_rows(k, n, x.data(), x_stride, b.data(), ldb, y.data());
          ASSERT_TRUE(x.intact() && b.intact() && y.intact());
          ASSERT_TRUE(same_bits(y.span(), expected));
        }
      }
    }
  }
}

TILEWISE_TESTS_KERNEL(add_windows);

TEST(AddWindows, adds_windows_that_overlap_or_not) {
  constexpr std::int64_t kWindows = 5;
  for (const std::int64_t rows : {0, 1, 3}) {
    for (const std::int64_t n : {1, 3, 4, 8, 16, 21, 35}) {
      for (const std::int64_t step : {std::int64_t{1}, std::int64_t{2}, n, n + 3}) {
        SCOPED_TRACE(std::to_string(rows) + " rows of " + std::to_string(n) + ", step " +
                     std::to_string(step));
        const std::int64_t row = (kWindows - 1) * step + n + 2;
        const GuardedArray<float> src(random_values(kWindows * rows * n, 1));
        GuardedArray<float> dst(random_values(rows * row, 2));
        std::vector<float> expected(dst.span().begin(), dst.span().end());
        reference::add_windows(kWindows, rows, n, src.data(), rows * n, expected.data(), step, row);
        default_kernels().add_windows(kWindows, rows, n, src.data(), rows * n, dst.data(), step, row);
        ASSERT_TRUE(src.intact() && dst.intact());
        ASSERT_TRUE(same_bits(dst.span(), expected));
      }
    }
  }
}

}  // namespace
}  // namespace tilewise::simd
