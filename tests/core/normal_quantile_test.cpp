#include "tilewise/core/normal_quantile.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <initializer_list>

namespace tilewise {
namespace {

// Tables of the normal distribution.
TEST(NormalQuantile, of_well_known_probabilities) {
  EXPECT_EQ(normal_quantile(0.5), 0);
  EXPECT_NEAR(normal_quantile(0.8413447460685429), 1, 1e-6);
  EXPECT_NEAR(normal_quantile(0.975), 1.959963984540054, 1e-6);
  EXPECT_NEAR(normal_quantile(0.9986501019683699), 3, 1e-6);
  EXPECT_NEAR(normal_quantile(1e-9), -5.997807015008182, 1.2e-6);
  EXPECT_NEAR(normal_distribution(1), 0.8413447460685429, 1e-15);
  EXPECT_NEAR(normal_distribution(-2), 0.02275013194817921, 1e-15);
}

TEST(NormalQuantile, inverts_the_distribution) {
  // Not far up, where p has no digits left.
  for (double x = -6.36; x <= 5; x += 0.01) {
    EXPECT_NEAR(normal_quantile(normal_distribution(x)), x, 2e-7 * std::abs(x) + 1e-15) << x;
  }
}

TEST(NormalQuantile, is_odd_and_grows) {
  double before = -8;
  for (const double p : {1e-10, 1e-6, 0.07499, 0.075, 0.07501, 0.3, 0.5, 0.7, 0.92499, 0.925, 0.92501}) {
    const double x = normal_quantile(p);
    EXPECT_GT(x, before) << p;
    EXPECT_NEAR(x, -normal_quantile(1 - p), 4e-7 * std::abs(x)) << p;
    before = x;
  }
}

}  // namespace
}  // namespace tilewise
