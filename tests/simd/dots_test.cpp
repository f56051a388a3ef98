#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "support/guarded_array.hpp"
#include "support/random_data.hpp"
#include "support/reference.hpp"
#include "support/tested_kernels.hpp"
#include "support/tolerance.hpp"
#include "tilewise/simd/gemm.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {
namespace {

using testing::all_near;
using testing::fill_random;
using testing::GuardedArray;
using testing::Pattern;

constexpr float kUnread = std::numeric_limits<float>::quiet_NaN();

/// (rows, columns), `gap` more from one row to the next, NaN there.
std::vector<float> matrix(std::int64_t rows, std::int64_t columns, std::int64_t gap, std::uint32_t seed,
                          Pattern pattern) {
  const std::int64_t pitch = columns + gap;
  std::vector<float> values(static_cast<std::size_t>(rows == 0 ? 0 : (rows - 1) * pitch + columns), kUnread);
  for (std::int64_t row = 0; row < rows; ++row) {
    fill_random(std::span(values).subspan(static_cast<std::size_t>(row * pitch), static_cast<std::size_t>(columns)),
                seed + static_cast<std::uint32_t>(row), pattern);
  }
  return values;
}

void check(std::int64_t m, std::int64_t n, std::int64_t k, float alpha, float beta, Pattern pattern) {
  constexpr std::int64_t kGap = 3;
  SCOPED_TRACE(std::to_string(m) + " x " + std::to_string(n) + " x " + std::to_string(k) + ", alpha " +
               std::to_string(alpha) + ", beta " + std::to_string(beta));
  const GuardedArray<float> a(matrix(m, k, kGap, 1, pattern)), b(matrix(n, k, kGap, 2, pattern));
  std::vector<float> old = matrix(m, n, kGap, 3, pattern);
  if (beta == 0) std::fill(old.begin(), old.end(), kUnread);
  GuardedArray<float> c(old);
  default_kernels().dots({m, n, k, alpha, a.data(), k + kGap, b.data(), k + kGap, beta, c.data(), n + kGap});
  ASSERT_TRUE(a.intact() && b.intact() && c.intact());

  GemmArgs args{.transpose_b = Transpose::yes, .m = m, .n = n, .k = k, .alpha = alpha, .lda = k + kGap,
                .ldb = k + kGap, .beta = beta, .ldc = n + kGap};
  std::vector<double> expected = testing::widen(old), magnitude = testing::magnitudes(old);
  reference::gemm(args, testing::widen(a.span()).data(), testing::widen(b.span()).data(), expected.data());
  args.alpha = std::abs(alpha);
  args.beta = std::abs(beta);
  reference::gemm(args, testing::magnitudes(a.span()).data(), testing::magnitudes(b.span()).data(),
                  magnitude.data());
  const double roundings = pattern == Pattern::integers ? 0 : static_cast<double>(k) + 3;
  ASSERT_TRUE(all_near(c.span(), expected, testing::bounds(roundings, magnitude)));
}

TILEWISE_TESTS_KERNEL(dots);

// Around tiles (up to 6 rows, 4 columns) and vectors (4, 8 or 16 terms).
TEST(Dots, of_rows_and_rows) {
  for (const std::int64_t m : {0, 1, 2, 3, 4, 5, 6, 7, 12, 13}) {
    for (const std::int64_t n : {0, 1, 2, 3, 4, 5, 8, 10}) {
      for (const std::int64_t k : {0, 1, 3, 4, 7, 8, 15, 16, 17, 33, 100}) {
        check(m, n, k, 1, 0, Pattern::integers);
        check(m, n, k, 1, 1, Pattern::integers);
        check(m, n, k, 0.7F, -0.3F, Pattern::spread);
        if (HasFatalFailure()) return;
      }
    }
  }
}

}  // namespace
}  // namespace tilewise::simd
