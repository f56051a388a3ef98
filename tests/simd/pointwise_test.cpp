#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
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

using testing::all_near;
using testing::gamma;
using testing::GuardedArray;
using testing::random_values;
using testing::same_bits;
using testing::vector_sizes;
using testing::widen;

TILEWISE_TESTS_KERNEL(pointwise_forward);
TILEWISE_TESTS_KERNEL(pointwise_backward);

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

constexpr PointwiseArgs kFunctions[] = {
    {Pointwise::leaky_relu, 0.3F}, {Pointwise::leaky_relu, 0},    {Pointwise::leaky_relu, 1.5F},
    {Pointwise::elu, 1},           {Pointwise::elu, 0.25F},       {Pointwise::elu, 0},
    {Pointwise::sigmoid, 0},       {Pointwise::tanh, 0},          {Pointwise::silu, 0},
    {Pointwise::gelu, 0},          {Pointwise::gelu_tanh, 0},
};

std::string describe(const PointwiseArgs& f) {
  return "function " + std::to_string(static_cast<int>(f.function)) + ", alpha " +
         std::to_string(f.alpha);
}

/// Where exp underflows, at e^-88.4, results may be zero; they are multiplied by at most so much.
constexpr double kUnderflow = 1000 * static_cast<double>(std::numeric_limits<float>::min());

// exp, expm1 and tanh are granted two units in the last place, 4 u; erfc(z), z > 0, 16 u, and z^2 u for the
// rounding of z^2 before exp.

/// Roundings of s = sigmoid(u), relatively, if u has `argument` of them: du (1 - s), exp, sum and reciprocal.
double sigmoid_roundings(double u, double argument) {
  return argument * std::abs(u) * reference::sigmoid(-u) + 6;
}

/// Of Phi(x): z = -x / sqrt(2) is off by 2 u, erfc(z) by up to 2 z^2 + 1 times that.
double normal_roundings(double x) {
  const double z2 = std::min(x, 0.0) * std::min(x, 0.0) / 2;
  return 16 + z2 + 2 * (2 * z2 + 1);
}

/// Roundings of the argument of gelu_tanh: the square, two constants, the multiply-add, a product.
constexpr double kGeluArgument = 6;

double value_bound(const PointwiseArgs& f, double x, double value) {
  const auto roundings = [&]() -> double {
    switch (f.function) {
      case Pointwise::leaky_relu: return 1;
      case Pointwise::elu: return 4 + 1;
      case Pointwise::sigmoid: return sigmoid_roundings(x, 0);
      case Pointwise::tanh: return 4;
      case Pointwise::silu: return sigmoid_roundings(x, 0) + 1;
      case Pointwise::gelu: return normal_roundings(x) + 1;
      case Pointwise::gelu_tanh:
        return sigmoid_roundings(reference::gelu_argument(x), kGeluArgument) + 1;
    }
    return 0;
  }();
  return gamma(roundings) * std::abs(value) + kUnderflow;
}

/// How far s (1 + factor (1 - s)) may be off: 1 - s by the error of s, then a rounding for each operation.
double gate_bound(double s, double factor, double sigmoid_roundings, double factor_roundings) {
  const double product = std::abs(factor) * (1 - s);
  return s * (std::abs(factor) * s * gamma(sigmoid_roundings) + product * gamma(factor_roundings + 2) +
              std::abs(1 + factor * (1 - s)) * gamma(sigmoid_roundings + 3));
}

double slope_bound(const PointwiseArgs& f, double kept) {
  const double slope = std::abs(reference::pointwise_slope(f, kept));
  switch (f.function) {
    case Pointwise::leaky_relu: return 0;
    case Pointwise::elu: return gamma(1) * slope;
    case Pointwise::sigmoid: return gamma(2) * slope;
    case Pointwise::tanh: return gamma(3) * slope;
    case Pointwise::silu:
      return gate_bound(reference::sigmoid(kept), kept, sigmoid_roundings(kept, 0), 0);
    case Pointwise::gelu: {
      // The density's exponent is rounded once, its exp granted 4 u; a constant, two products, the sum.
      const double phi = std::exp(-kept * kept / 2) / std::sqrt(2 * std::numbers::pi);
      const double distribution = std::erfc(-kept / std::numbers::sqrt2) / 2;
      return gamma(normal_roundings(kept) + 1) * distribution +
             gamma(kept * kept / 2 + 8) * std::abs(kept) * phi;
    }
    case Pointwise::gelu_tanh: {
      const double u = reference::gelu_argument(kept);
      return gate_bound(reference::sigmoid(u), kept * reference::gelu_argument_slope(kept),
                        sigmoid_roundings(u, kGeluArgument), 5);
    }
  }
  return 0;
}

/// Values of every size, most of them where the functions bend, zeros among them.
std::vector<float> inputs(std::int64_t n) {
  std::vector<float> values = random_values(n, 1, testing::Pattern::spread);
  const std::vector<float> near = random_values(n, 2);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i % 4 == 0) values[i] = 14 * near[i];
    if (i % 4 == 1) values[i] = 2 * near[i];
    if (i % 23 == 2) values[i] = i % 2 == 0 ? 0.0F : -0.0F;
  }
  return values;
}

std::vector<float> forward(const PointwiseArgs& f, const std::vector<float>& values) {
  const GuardedArray<float> src(values);
  GuardedArray<float> dst(static_cast<std::int64_t>(values.size()));
  default_kernels().pointwise_forward(f, static_cast<std::int64_t>(values.size()), src.data(),
                                      dst.data());
  EXPECT_TRUE(src.intact() && dst.intact());
  return {dst.span().begin(), dst.span().end()};
}

std::vector<float> backward(const PointwiseArgs& f, const std::vector<float>& kept_values,
                            const std::vector<float>& gradient) {
  const auto n = static_cast<std::int64_t>(kept_values.size());
  const GuardedArray<float> kept(kept_values), d_dst(gradient);
  GuardedArray<float> d_src(n);
  default_kernels().pointwise_backward(f, n, kept.data(), d_dst.data(), d_src.data());
  EXPECT_TRUE(kept.intact() && d_dst.intact() && d_src.intact());
  return {d_src.span().begin(), d_src.span().end()};
}

/// What backward() is given for these inputs.
std::vector<float> kept_of(const PointwiseArgs& f, const std::vector<float>& src) {
  return derivative_reads_dst(f.function) ? forward(f, src) : src;
}

std::vector<std::int64_t> sizes() {
  std::vector<std::int64_t> all = vector_sizes();
  all.push_back(20'000);
  return all;
}

TEST(PointwiseForward, matches_the_reference) {
  for (const PointwiseArgs& f : kFunctions) {
    for (const std::int64_t n : sizes()) {
      const std::vector<float> src = inputs(n);
      std::vector<double> expected(src.size()), bounds;
      reference::pointwise_forward(f, n, widen(src).data(), expected.data());
      for (std::size_t i = 0; i < src.size(); ++i) bounds.push_back(value_bound(f, src[i], expected[i]));
      ASSERT_TRUE(all_near(forward(f, src), expected, bounds)) << describe(f);
    }
  }
}

TEST(PointwiseBackward, matches_the_reference) {
  for (const PointwiseArgs& f : kFunctions) {
    for (const std::int64_t n : sizes()) {
      const std::vector<float> kept = kept_of(f, inputs(n));
      const std::vector<float> d_dst = random_values(n, 3);
      std::vector<double> expected(kept.size()), bounds;
      reference::pointwise_backward(f, n, widen(kept).data(), widen(d_dst).data(), expected.data());
      for (std::size_t i = 0; i < kept.size(); ++i) {
        bounds.push_back(slope_bound(f, kept[i]) * std::abs(d_dst[i]) +
                         gamma(1) * std::abs(expected[i]) + kUnderflow);
      }
      ASSERT_TRUE(all_near(backward(f, kept, d_dst), expected, bounds)) << describe(f);
    }
  }
}

TEST(PointwiseForward, works_in_place) {
  for (const PointwiseArgs& f : kFunctions) {
    std::vector<float> values = inputs(101);
    const std::vector<float> expected = forward(f, values);
    default_kernels().pointwise_forward(f, 101, values.data(), values.data());
    EXPECT_TRUE(same_bits(values, expected)) << describe(f);
  }
}

TEST(PointwiseBackward, works_in_place) {
  for (const PointwiseArgs& f : kFunctions) {
    const std::vector<float> kept = kept_of(f, inputs(101));
    std::vector<float> gradient = random_values(101, 3);
    const std::vector<float> expected = backward(f, kept, gradient);
    default_kernels().pointwise_backward(f, 101, kept.data(), gradient.data(), gradient.data());
    EXPECT_TRUE(same_bits(gradient, expected)) << describe(f);
  }
}

// Divergence must show, wherever in a vector it is, and nowhere else.
TEST(PointwiseForward, keeps_nan) {
  for (const PointwiseArgs& f : kFunctions) {
    for (std::size_t place = 0; place < 37; ++place) {
      std::vector<float> src = inputs(37);
      src[place] = kNaN;
      const std::vector<float> dst = forward(f, src);
      const std::vector<float> d_src = backward(f, kept_of(f, src), std::vector<float>(37, 1.0F));
      for (std::size_t i = 0; i < 37; ++i) {
        ASSERT_EQ(std::isnan(dst[i]), i == place) << describe(f) << " at " << i;
        // The slope of leaky_relu is one of two, never NaN.
        ASSERT_EQ(std::isnan(d_src[i]), i == place && f.function != Pointwise::leaky_relu)
            << describe(f) << " at " << i;
      }
    }
  }
}

TEST(PointwiseForward, of_large_values) {
  const std::vector<float> src = {-3e38F, -1e20F, -1e13F, 1e13F, 1e20F, 3e38F};
  for (const PointwiseArgs& f : kFunctions) {
    const std::vector<float> dst = forward(f, src);
    const std::vector<float> d_src = backward(f, kept_of(f, src), std::vector<float>(6, 1.0F));
    const bool saturates = f.function == Pointwise::sigmoid || f.function == Pointwise::tanh;
    for (std::size_t i = 3; i < 6; ++i) {
      EXPECT_EQ(dst[i], saturates ? 1.0F : src[i]) << describe(f);
      EXPECT_EQ(d_src[i], saturates ? 0.0F : 1.0F) << describe(f);
    }
    const bool leaky = f.function == Pointwise::leaky_relu;
    for (std::size_t i = 0; i < 3; ++i) {
      const float below = f.function == Pointwise::tanh ? -1.0F
                          : f.function == Pointwise::elu ? -f.alpha
                          : leaky                         ? f.alpha * src[i]
                                                        : 0.0F;
      EXPECT_EQ(dst[i], below) << describe(f);
      EXPECT_EQ(d_src[i], leaky ? f.alpha : 0.0F) << describe(f);
    }
  }
}

TEST(PointwiseForward, of_infinity) {
  const auto at = [](Pointwise function, float x) { return forward({function, 0.5F}, {x})[0]; };
  for (const Pointwise f : {Pointwise::leaky_relu, Pointwise::elu, Pointwise::silu, Pointwise::gelu,
                            Pointwise::gelu_tanh}) {
    EXPECT_EQ(at(f, kInfinity), kInfinity) << static_cast<int>(f);
  }
  EXPECT_EQ(at(Pointwise::leaky_relu, -kInfinity), -kInfinity);
  EXPECT_EQ(at(Pointwise::elu, -kInfinity), -0.5F);
  EXPECT_EQ(at(Pointwise::sigmoid, -kInfinity), 0);
  EXPECT_EQ(at(Pointwise::sigmoid, kInfinity), 1);
  EXPECT_EQ(at(Pointwise::tanh, -kInfinity), -1);
  EXPECT_EQ(at(Pointwise::tanh, kInfinity), 1);
  // -infinity times zero, in other libraries too.
  EXPECT_TRUE(std::isnan(at(Pointwise::gelu, -kInfinity)));
  EXPECT_TRUE(std::isnan(at(Pointwise::silu, -kInfinity)));
}

}  // namespace
}  // namespace tilewise::simd
