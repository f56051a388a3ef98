#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
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

/// Sizes, each without a decay of the weights and with one.
std::vector<std::pair<std::int64_t, float>> sizes_and_decays() {
  std::vector<std::pair<std::int64_t, float>> pairs;
  for (const std::int64_t n : vector_sizes()) {
    pairs.emplace_back(n, 0.0F);
    pairs.emplace_back(n, 0.01F);
  }
  return pairs;
}

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
  for (const auto& [n, decay] : sizes_and_decays()) {
    AdamArgs args = kAdam;
    args.decay = decay;
    const AdamState before(n);
    const AdamState after = run(args, before);
    std::vector<double> m = widen(before.m);
    std::vector<double> v = widen(before.v);
    std::vector<double> weights = widen(before.weights);
    reference::adam_update(args, n, widen(before.gradient).data(), m.data(), v.data(),
                           weights.data());
    std::vector<double> m_bounds, v_bounds, weight_bounds;
    for (std::size_t i = 0; i < m.size(); ++i) {
      const double g = before.gradient[i];
      const double old_m = before.m[i];
      // 1 - beta is exact for beta >= 1/2; then two products and a sum for m. All of v's terms are
      // positive: three products and a sum are four roundings, and its square root halves them.
      m_bounds.push_back(gamma(2) * (0.9 * std::abs(old_m) + 0.1 * std::abs(g)));
      v_bounds.push_back(gamma(4) * v[i]);
      // rate * m / (sqrt(v) + epsilon): m's error, then a product, a root, a sum, a quotient; decay * w
      // is a product and a sum more; and the difference.
      const double factor = kAdam.rate / (std::sqrt(v[i]) + kAdam.epsilon);
      weight_bounds.push_back(factor * m_bounds.back() + gamma(2 + 4 + 1) * factor * std::abs(m[i]) +
                              gamma(2) * decay * std::abs(static_cast<double>(before.weights[i])) +
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

TEST(AdamUpdate, decays_weights_without_a_gradient) {
  AdamArgs args = kAdam;
  args.decay = 0.25F;
  AdamState state(3);
  state.gradient = state.m = state.v = {0, 0, 0};
  state.weights = {4, -8, 0};
  EXPECT_EQ(run(args, state).weights, (std::vector<float>{3, -6, 0}));
}

TILEWISE_TESTS_KERNEL(sgd_update);

void check_sgd(const SgdArgs& args, std::int64_t n) {
  const GuardedArray<float> gradient(random_values(n, 1));
  GuardedArray<float> velocity(random_values(n, 2));
  GuardedArray<float> weights(random_values(n, 3));
  std::vector<double> expected_velocity = widen(velocity.span());
  std::vector<double> expected_weights = widen(weights.span());
  const std::vector<double> old_weights = expected_weights;
  // Two products and a sum.
  std::vector<double> velocity_bounds, slopes, weight_bounds;
  for (std::int64_t i = 0; i < n; ++i) {
    slopes.push_back(args.rate * std::abs(gradient.span()[static_cast<std::size_t>(i)]));
    velocity_bounds.push_back(gamma(2) * (args.momentum * std::abs(velocity[i]) + slopes.back()));
  }
  reference::sgd_update(args, n, widen(gradient.span()).data(), expected_velocity.data(),
                        expected_weights.data());
  for (std::size_t i = 0; i < velocity_bounds.size(); ++i) {
    // The step is the velocity or, with two products and a sum more, Nesterov's; decay * w is a product;
    // then two sums.
    const double step = std::abs(expected_velocity[i]) + (args.nesterov ? slopes[i] : 0.0);
    weight_bounds.push_back(velocity_bounds[i] + gamma(2 + 2) * step +
                            gamma(3) * args.decay * std::abs(old_weights[i]) +
                            gamma(1) * std::abs(expected_weights[i]));
  }
  default_kernels().sgd_update(args, n, gradient.data(), velocity.data(), weights.data());
  ASSERT_TRUE(gradient.intact() && velocity.intact() && weights.intact());
  ASSERT_TRUE(all_near(velocity.span(), expected_velocity, velocity_bounds));
  ASSERT_TRUE(all_near(weights.span(), expected_weights, weight_bounds));
}

TEST(SgdUpdate, matches_the_reference) {
  for (const auto& [n, decay] : sizes_and_decays()) {
    check_sgd({.rate = 0.1F, .decay = decay}, n);
    check_sgd({.rate = 0.1F, .momentum = 0.9F, .decay = decay}, n);
    check_sgd({.rate = 0.1F, .momentum = 0.9F, .nesterov = true, .decay = decay}, n);
  }
}

TEST(SgdUpdate, of_powers_of_two_is_exact) {
  const std::vector<float> gradient{2, -4, 8};
  SgdArgs args{.rate = 0.25F, .momentum = 0.5F};
  std::vector<float> velocity{1, 1, 1};
  std::vector<float> weights{10, 20, 30};
  default_kernels().sgd_update(args, 3, gradient.data(), velocity.data(), weights.data());
  EXPECT_EQ(velocity, (std::vector<float>{0, 1.5F, -1.5F}));
  EXPECT_EQ(weights, (std::vector<float>{10, 21.5F, 28.5F}));

  args.nesterov = true;
  velocity = {1, 1, 1};
  weights = {10, 20, 30};
  default_kernels().sgd_update(args, 3, gradient.data(), velocity.data(), weights.data());
  EXPECT_EQ(velocity, (std::vector<float>{0, 1.5F, -1.5F}));
  EXPECT_EQ(weights, (std::vector<float>{9.5F, 21.75F, 27.25F}));

  args.decay = 0.5F;
  velocity = {1, 1, 1};
  weights = {10, 20, 30};
  default_kernels().sgd_update(args, 3, gradient.data(), velocity.data(), weights.data());
  EXPECT_EQ(weights, (std::vector<float>{4.5F, 11.75F, 12.25F}));
}

TILEWISE_TESTS_KERNEL(rmsprop_update);

void check_rmsprop(const RmspropArgs& args, bool centered, std::int64_t n) {
  const auto magnitude = [](float value) { return std::abs(static_cast<double>(value)); };
  const bool moving = args.momentum > 0;
  const GuardedArray<float> gradient(random_values(n, 1));
  GuardedArray<float> average(random_values(n, 2));
  GuardedArray<float> moment(random_values(n, 3));
  GuardedArray<float> weights(random_values(n, 4));
  // A variance that is not close to 0, where its error would be all there is.
  std::vector<float> mean_squares = random_values(n, 5);
  for (std::int64_t i = 0; i < n; ++i) {
    float& v = mean_squares[static_cast<std::size_t>(i)];
    v = std::abs(v) + average[i] * average[i] + 0.01F;
  }
  GuardedArray<float> velocity(mean_squares);

  std::vector<double> new_velocity = widen(mean_squares);
  std::vector<double> new_average = widen(average.span());
  std::vector<double> new_moment = widen(moment.span());
  std::vector<double> new_weights = widen(weights.span());
  reference::rmsprop_update(args, n, widen(gradient.span()).data(), new_velocity.data(),
                            centered ? new_average.data() : nullptr,
                            moving ? new_moment.data() : nullptr, new_weights.data());

  std::vector<double> velocity_bounds, average_bounds, moment_bounds, weight_bounds;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto at = static_cast<std::size_t>(i);
    // As for Adam's v and m.
    velocity_bounds.push_back(gamma(4) * new_velocity[at]);
    average_bounds.push_back(!centered ? 0 : gamma(2) * (0.9 * magnitude(average[i]) +
                                                        0.1 * magnitude(gradient.span()[at])));
    double variance = new_velocity[at];
    double variance_error = velocity_bounds.back();
    if (centered) {
      const double square = new_average[at] * new_average[at];
      variance -= square;
      // Twice the average's error, a product and a difference.
      variance_error += 2 * std::abs(new_average[at]) * average_bounds.back() + gamma(2) * (square + variance);
    }
    // A sum, half of its error in a root, a product, and a quotient.
    const double increment = args.rate * magnitude(gradient.span()[at]) / std::sqrt(variance);
    const double error = increment * (variance_error / variance + gamma(1 + 1 + 1 + 1));
    const double old_moment = moving ? args.momentum * magnitude(moment[i]) : 0.0;
    moment_bounds.push_back(moving ? error + gamma(2) * (old_moment + increment) : 0);
    // decay * w and a sum; then the difference.
    weight_bounds.push_back(error + gamma(3) * (old_moment + increment) +
                            gamma(2) * args.decay * magnitude(weights[i]) +
                            gamma(1) * std::abs(new_weights[at]));
  }
  default_kernels().rmsprop_update(args, n, gradient.data(), velocity.data(),
                                   centered ? average.data() : nullptr,
                                   moving ? moment.data() : nullptr, weights.data());
  ASSERT_TRUE(gradient.intact() && velocity.intact() && average.intact() && moment.intact() &&
              weights.intact());
  ASSERT_TRUE(all_near(velocity.span(), new_velocity, velocity_bounds));
  ASSERT_TRUE(all_near(average.span(), new_average, average_bounds));
  ASSERT_TRUE(all_near(moment.span(), new_moment, moment_bounds));
  ASSERT_TRUE(all_near(weights.span(), new_weights, weight_bounds));
}

TEST(RmspropUpdate, matches_the_reference) {
  for (const auto& [n, decay] : sizes_and_decays()) {
    for (const bool centered : {false, true}) {
      for (const float momentum : {0.0F, 0.8F}) {
        check_rmsprop(
            {.rate = 0.01F, .rho = 0.9F, .momentum = momentum, .epsilon = 1e-7F, .decay = decay},
            centered, n);
      }
    }
  }
}

// The same gradient again and again has no variance, but for roundings up and down.
TEST(RmspropUpdate, of_no_variance_stays_a_number) {
  const RmspropArgs args{.rate = 1e-6F, .rho = 0.9F, .epsilon = 1e-7F};
  std::vector<float> gradient = random_values(100, 1), velocity(100), average(100), weights(100);
  for (float& value : gradient) value = 100 * value;
  for (int step = 0; step < 300; ++step) {
    default_kernels().rmsprop_update(args, 100, gradient.data(), velocity.data(), average.data(),
                                     nullptr, weights.data());
  }
  for (const float weight : weights) ASSERT_TRUE(std::isfinite(weight));
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
