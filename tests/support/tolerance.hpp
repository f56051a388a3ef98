#pragma once

// How far a float result may be from the exact one: derived from the operation, never guessed.
//
// A sum of n products, in any order, with or without fused multiply-adds, is off by at most
//   gamma(n) * sum |a_i b_i|
// (N. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., section 3.1). The exact
// value and the sum of magnitudes come from a reference in double, whose own error, 2^29 times
// smaller, is neglected.

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace tilewise::testing {

/// u: the largest relative error of one rounding to float.
inline constexpr double kUnitRoundoff = 0x1p-24;

/// gamma(n) = n u / (1 - n u): bounds the relative error of n roundings in a row.
constexpr double gamma(double n) { return n * kUnitRoundoff / (1 - n * kUnitRoundoff); }

/// The same if errors up and down are equally likely: n of them amount to a random walk's sqrt(n), but
/// for a chance of 2 exp(-kDeviations^2 / 2), 7e-4 (N. Higham, T. Mary, "A new approach to
/// probabilistic rounding error analysis", SIAM J. Sci. Comput. 41(5), 2019, theorem 2.4).
inline constexpr double kDeviations = 4;
inline double likely_gamma(double n) { return kDeviations * std::sqrt(n) * kUnitRoundoff; }

/// The bounds gamma(roundings) * magnitude, one an element.
inline std::vector<double> bounds(double roundings, std::span<const double> magnitudes) {
  std::vector<double> result;
  result.reserve(magnitudes.size());
  for (const double magnitude : magnitudes) result.push_back(gamma(roundings) * magnitude);
  return result;
}

namespace detail {
template <class Matches, class Expected>
::testing::AssertionResult compare(std::span<const float> actual,
                                   std::span<const Expected> expected, Matches matches) {
  if (actual.size() != expected.size()) {
    return ::testing::AssertionFailure()
           << actual.size() << " elements, expected " << expected.size();
  }
  std::size_t wrong = 0;
  std::size_t first = 0;
  for (std::size_t i = actual.size(); i-- > 0;) {
    if (matches(i)) continue;
    ++wrong;
    first = i;
  }
  if (wrong == 0) return ::testing::AssertionSuccess();
  auto failure = ::testing::AssertionFailure();
  failure.operator<<(wrong) << " of " << actual.size() << " elements are wrong; the first, at "
                            << first << ", is " << ::testing::PrintToString(actual[first])
                            << ", expected " << ::testing::PrintToString(expected[first]);
  return failure;
}
}  // namespace detail

/// Whether |actual - expected| <= bound, element by element; NaN matches NaN and infinity itself.
inline ::testing::AssertionResult all_near(std::span<const float> actual,
                                           std::span<const double> expected,
                                           std::span<const double> bound) {
  return detail::compare(actual, expected, [&](std::size_t i) {
    const double value = actual[i];
    if (std::isnan(expected[i])) return std::isnan(value);
    return value == expected[i] || std::abs(value - expected[i]) <= bound[i];
  });
}

/// Whether the values are equal, element by element; NaN matches NaN, and +0 matches -0.
inline ::testing::AssertionResult all_equal(std::span<const float> actual,
                                            std::span<const float> expected) {
  return detail::compare(actual, expected, [&](std::size_t i) {
    return actual[i] == expected[i] || (std::isnan(actual[i]) && std::isnan(expected[i]));
  });
}

/// The same against an exact reference in double.
inline ::testing::AssertionResult all_equal(std::span<const float> actual,
                                            std::span<const double> expected) {
  return detail::compare(actual, expected, [&](std::size_t i) {
    const double value = actual[i];
    return value == expected[i] || (std::isnan(value) && std::isnan(expected[i]));
  });
}

/// Whether the bits are equal, element by element.
inline ::testing::AssertionResult same_bits(std::span<const float> actual,
                                            std::span<const float> expected) {
  return detail::compare(actual, expected, [&](std::size_t i) {
    return std::bit_cast<std::uint32_t>(actual[i]) == std::bit_cast<std::uint32_t>(expected[i]);
  });
}

}  // namespace tilewise::testing
