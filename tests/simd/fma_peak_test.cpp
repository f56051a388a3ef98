#include "tilewise/simd/fma_peak.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>

#include "support/tested_kernels.hpp"
#include "support/tolerance.hpp"
#include "tilewise/core/parallel.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {
namespace {

TILEWISE_TESTS_KERNEL(fma_peak);

// Each chain goes to its fixed point 2, from 0, 1, ..., 11; the kernel adds up all lanes of all.
TEST(FmaPeak, really_iterates) {
  const auto lanes = static_cast<double>(default_kernels().vector_floats);
  EXPECT_EQ(default_kernels().fma_peak(0), lanes * kPeakChains * (kPeakChains - 1) / 2);
  EXPECT_NEAR(default_kernels().fma_peak(1), lanes * (0.75 * 66 + 0.5 * kPeakChains), 1e-3);
  const double settled = lanes * kPeakChains * 2;
  for (const std::int64_t iterations : {100, 100'000}) {
    // A fixed point of x -> 0.75 x + 0.5 keeps at most four roundings' worth of error.
    EXPECT_NEAR(default_kernels().fma_peak(iterations), settled,
                settled * testing::gamma(4 + lanes * kPeakChains));
  }
}

// Every lane of twelve chains is multiplied and added to.
TEST(FmaPeak, counts_a_multiply_add_as_two_operations) {
  const auto lanes = static_cast<double>(default_kernels().vector_floats);
  EXPECT_EQ(fma_peak_operations(default_kernels(), 1000), 12 * lanes * 2 * 1000);
}

// No machine is slower than a million multiply-adds a second, or faster than 10^18.
TEST(FmaPeak, measurement_is_plausible) {
  for (const int threads : {1, 3}) {
    Executor executor(threads);
    const double peak = measure_fma_peak(default_kernels(), executor, 0.01);
    EXPECT_GT(peak, 1e6);
    EXPECT_LT(peak, 1e18);
  }
}

}  // namespace
}  // namespace tilewise::simd
