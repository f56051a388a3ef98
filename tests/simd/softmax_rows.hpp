#pragma once

// Rows of logits for the tests of softmax and of its loss, and how far results may be off.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "support/random_data.hpp"
#include "support/tolerance.hpp"

namespace tilewise::simd {

inline constexpr std::int64_t kClasses[] = {1, 2, 3, 4, 5, 7, 8, 9, 10, 15, 16, 17, 33, 100, 1000};
inline constexpr std::int64_t kRows = 5;

/// Rows of logits: moderate, equal, nearly certain, large, and enormous.
inline std::vector<float> logits_of(std::int64_t classes) {
  constexpr float kScale[kRows] = {1, 0, 30, 1e4F, 3e38F};
  constexpr float kShift[kRows] = {0, 3, -50, 1e5F, 0};
  std::vector<float> logits = testing::random_values(kRows * classes, 1);
  for (std::int64_t i = 0; i < kRows * classes; ++i) {
    float& logit = logits[static_cast<std::size_t>(i)];
    logit = kScale[i / classes] * logit + kShift[i / classes];
  }
  return logits;
}

inline std::vector<std::int32_t> labels_of(std::int64_t classes) {
  std::vector<std::int32_t> labels;
  for (std::int64_t row = 0; row < kRows; ++row) {
    labels.push_back(static_cast<std::int32_t>((row * 7 + 3) % classes));
  }
  return labels;
}

/// The relative error of each exp(logit - max), and of their sum, in one row.
///
/// With d = logit - max, rounded once, exp(d) is off by u |d|; exp itself is granted two units in
/// the last place, 4 u. The sum is off by its terms' errors in proportion, and by n roundings.
struct RowErrors {
  RowErrors(const float* row, std::int64_t classes) {
    const double maximum = *std::max_element(row, row + classes);
    double total = 0;
    double weighted = 0;
    for (std::int64_t i = 0; i < classes; ++i) {
      const double distance = maximum - row[i];
      const double e = std::exp(-distance);
      total += e;
      if (e > 0) weighted += e * distance;
      exponentials.push_back((distance + 4) * testing::kUnitRoundoff);
    }
    sum = (weighted / total + 4) * testing::kUnitRoundoff + testing::gamma(static_cast<double>(classes));
  }
  std::vector<double> exponentials;
  double sum = 0;
};

/// What underflows may be zero.
inline constexpr double kUnderflow = std::numeric_limits<float>::min();

inline std::vector<double> softmax_bounds(const std::vector<float>& logits,
                                   const std::vector<double>& expected, std::int64_t classes) {
  std::vector<double> bounds;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const auto column = static_cast<std::int64_t>(i) % classes;
    const float* row = logits.data() + i - column;
    const RowErrors errors(row, classes);
    // A reciprocal and a product.
    const double relative =
        errors.exponentials[static_cast<std::size_t>(column)] + errors.sum + testing::gamma(2);
    // Far from the maximum the error is unbounded and the value zero: |0 - p| <= p < kUnderflow.
    bounds.push_back(expected[i] == 0 ? kUnderflow : expected[i] * relative + kUnderflow);
  }
  return bounds;
}

}  // namespace tilewise::simd
