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

using testing::all_near;
using testing::gamma;
using testing::GuardedArray;
using testing::kUnitRoundoff;
using testing::random_values;
using testing::same_bits;
using testing::vector_sizes;
using testing::widen;

TILEWISE_TESTS_KERNEL(adam_update);

constexpr AdamArgs kAdam{.rate = 1e-3F, .beta1 = 0.9F, .beta2 = 0.999F, .epsilon = 1e-7F};

struct AdamState {
  explicit AdamState(std::int64_t n)
      : gradient(random_values(n, 1)),
        m(random_values(n, 2)),
        v(random_values(n, 3)),
        weights(random_values(n, 4)) {
    for (float& value : v) value = std::abs(value);
  }
  std::vector<float> gradient, m, v, weights;
};

AdamState run(const AdamArgs& args, const AdamState& before) {
  const GuardedArray<float> gradient(before.gradient);
  GuardedArray<float> m(before.m);
  GuardedArray<float> v(before.v);
  GuardedArray<float> weights(before.weights);
  default_kernels().adam_update(args, static_cast<std::int64_t>(before.m.size()), gradient.data(),
                                m.data(), v.data(), weights.data());
  EXPECT_TRUE(gradient.intact() && m.intact() && v.intact() && weights.intact());
  AdamState after = before;
  after.m.assign(m.span().begin(), m.span().end());
  after.v.assign(v.span().begin(), v.span().end());
  after.weights.assign(weights.span().begin(), weights.span().end());
  return after;
}

TEST(AdamUpdate, matches_the_reference) {
  for (const std::int64_t n : vector_sizes()) {
    const AdamState before(n);
    const AdamState after = run(kAdam, before);
    std::vector<double> m = widen(before.m);
    std::vector<double> v = widen(before.v);
    std::vector<double> weights = widen(before.weights);
    reference::adam_update(kAdam, n, widen(before.gradient).data(), m.data(), v.data(),
                           weights.data());
    std::vector<double> m_bounds, v_bounds, weight_bounds;
    for (std::size_t i = 0; i < m.size(); ++i) {
      const double g = before.gradient[i];
      const double old_m = before.m[i];
      // 1 - beta is exact for beta >= 1/2; then two products and a sum for m. All of v's terms are
      // positive: three products and a sum are four roundings, and its square root halves them.
      m_bounds.push_back(gamma(2) * (0.9 * std::abs(old_m) + 0.1 * std::abs(g)));
      v_bounds.push_back(gamma(4) * v[i]);
      // rate * m / (sqrt(v) + epsilon): m's error, then a product, a root, a sum, a quotient, and
      // the difference.
      const double factor = kAdam.rate / (std::sqrt(v[i]) + kAdam.epsilon);
      weight_bounds.push_back(factor * m_bounds.back() + gamma(2 + 4) * factor * std::abs(m[i]) +
                              kUnitRoundoff * std::abs(weights[i]));
    }
    ASSERT_TRUE(all_near(after.m, m, m_bounds));
    ASSERT_TRUE(all_near(after.v, v, v_bounds));
    ASSERT_TRUE(all_near(after.weights, weights, weight_bounds));
  }
}

TEST(AdamUpdate, first_step_is_the_learning_rate) {
  // With the bias corrections of step 1 every weight moves by the learning rate, whatever the
  // gradient's size: Kingma and Ba, section 2.1. (1 - beta is exact in float; 0.999F is not 0.999.)
  AdamArgs args = kAdam;
  const double correction = std::sqrt(1.0 - args.beta2) / (1.0 - args.beta1);
  args.rate = static_cast<float>(0.01 * correction);
  args.epsilon = 0;
  AdamState state(3);
  state.gradient = {100, -1, 1e-6F};
  state.m = state.v = state.weights = {0, 0, 0};
  const AdamState after = run(args, state);
  EXPECT_NEAR(after.weights[0], -0.01, 0.01 * gamma(20));
  EXPECT_NEAR(after.weights[1], 0.01, 0.01 * gamma(20));
  EXPECT_NEAR(after.weights[2], -0.01, 0.01 * gamma(20));
}

TEST(AdamUpdate, leaves_weights_without_a_gradient) {
  AdamState state(20);
  state.gradient.assign(20, 0.0F);
  state.m.assign(20, 0.0F);
  state.v.assign(20, 0.0F);
  EXPECT_TRUE(same_bits(run(kAdam, state).weights, state.weights));
}

TEST(AdamUpdate, passes_nan_on) {
  for (std::size_t place = 0; place < 20; ++place) {
    AdamState state(20);
    state.gradient[place] = std::numeric_limits<float>::quiet_NaN();
    const AdamState after = run(kAdam, state);
    for (std::size_t i = 0; i < 20; ++i) ASSERT_EQ(std::isnan(after.weights[i]), i == place);
  }
}

TILEWISE_TESTS_KERNEL(sgd_update);

TEST(SgdUpdate, matches_the_reference) {
  for (const float momentum : {0.0F, 0.9F}) {
    for (const std::int64_t n : vector_sizes()) {
      const GuardedArray<float> gradient(random_values(n, 1));
      GuardedArray<float> velocity(random_values(n, 2));
      GuardedArray<float> weights(random_values(n, 3));
      std::vector<double> expected_velocity = widen(velocity.span());
      std::vector<double> expected_weights = widen(weights.span());
      // Two products and a sum.
      std::vector<double> velocity_bounds, weight_bounds;
      for (std::int64_t i = 0; i < n; ++i) {
        velocity_bounds.push_back(gamma(2) * (momentum * std::abs(velocity[i]) +
                                              0.1F * std::abs(gradient.span()[
                                                         static_cast<std::size_t>(i)])));
      }
      reference::sgd_update(static_cast<double>(0.1F), static_cast<double>(momentum), n,
                            widen(gradient.span()).data(), expected_velocity.data(),
                            expected_weights.data());
      for (std::size_t i = 0; i < velocity_bounds.size(); ++i) {
        weight_bounds.push_back(velocity_bounds[i] +
                                gamma(1) * (std::abs(expected_weights[i]) + velocity_bounds[i]));
      }
      default_kernels().sgd_update(0.1F, momentum, n, gradient.data(), velocity.data(),
                                   weights.data());
      ASSERT_TRUE(gradient.intact() && velocity.intact() && weights.intact());
      ASSERT_TRUE(all_near(velocity.span(), expected_velocity, velocity_bounds));
      ASSERT_TRUE(all_near(weights.span(), expected_weights, weight_bounds));
    }
  }
}

TEST(SgdUpdate, of_powers_of_two_is_exact) {
  const std::vector<float> gradient{2, -4, 8};
  std::vector<float> velocity{1, 1, 1};
  std::vector<float> weights{10, 20, 30};
  default_kernels().sgd_update(0.25F, 0.5F, 3, gradient.data(), velocity.data(), weights.data());
  EXPECT_EQ(velocity, (std::vector<float>{0, 1.5F, -1.5F}));
  EXPECT_EQ(weights, (std::vector<float>{10, 21.5F, 28.5F}));
}

TILEWISE_TESTS_KERNEL(moving_average);

TEST(MovingAverage, matches_the_reference) {
  for (const float momentum : {0.0F, 0.3F, 0.99F}) {
    for (const std::int64_t n : vector_sizes()) {
      const GuardedArray<float> src(random_values(n, 1));
      GuardedArray<float> average(random_values(n, 2));
      std::vector<double> expected = widen(average.span());
      std::vector<double> bounds;
      for (std::int64_t i = 0; i < n; ++i) {
        // A difference, a product, and a product and a sum.
        const auto place = static_cast<std::size_t>(i);
        bounds.push_back(gamma(3) * (momentum * std::abs(expected[place]) +
                                     (1 - momentum) * std::abs(src.span()[place])));
      }
      reference::moving_average(static_cast<double>(momentum), n, widen(src.span()).data(),
                                expected.data());
      default_kernels().moving_average(momentum, n, src.data(), average.data());
      ASSERT_TRUE(src.intact() && average.intact());
      ASSERT_TRUE(all_near(average.span(), expected, bounds));
    }
  }
}

TEST(MovingAverage, of_powers_of_two_is_exact) {
  const std::vector<float> src{8, -4, 0};
  std::vector<float> average{16, 4, 1};
  default_kernels().moving_average(0.75F, 3, src.data(), average.data());
  EXPECT_EQ(average, (std::vector<float>{14, 2, 0.75F}));
}

}  // namespace
}  // namespace tilewise::simd
