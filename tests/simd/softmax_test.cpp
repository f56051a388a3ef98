#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
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

using testing::all_equal;
using testing::all_near;
using testing::gamma;
using testing::GuardedArray;
using testing::kUnitRoundoff;
using testing::magnitudes;
using testing::random_values;
using testing::same_bits;
using testing::widen;

TILEWISE_TESTS_KERNEL(softmax);
TILEWISE_TESTS_KERNEL(softmax_backward);
TILEWISE_TESTS_KERNEL(softmax_cross_entropy);

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr std::int64_t kClasses[] = {1, 2, 3, 4, 5, 7, 8, 9, 10, 15, 16, 17, 33, 100, 1000};
constexpr std::int64_t kRows = 5;

/// Rows of logits: moderate, equal, nearly certain, large, and enormous.
std::vector<float> logits_of(std::int64_t classes) {
  constexpr float kScale[kRows] = {1, 0, 30, 1e4F, 3e38F};
  constexpr float kShift[kRows] = {0, 3, -50, 1e5F, 0};
  std::vector<float> logits = random_values(kRows * classes, 1);
  for (std::int64_t i = 0; i < kRows * classes; ++i) {
    float& logit = logits[static_cast<std::size_t>(i)];
    logit = kScale[i / classes] * logit + kShift[i / classes];
  }
  return logits;
}

std::vector<std::int32_t> labels_of(std::int64_t classes) {
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
      exponentials.push_back((distance + 4) * kUnitRoundoff);
    }
    sum = (weighted / total + 4) * kUnitRoundoff + gamma(static_cast<double>(classes));
  }
  std::vector<double> exponentials;
  double sum = 0;
};

/// What underflows may be zero.
constexpr double kUnderflow = std::numeric_limits<float>::min();

std::vector<double> softmax_bounds(const std::vector<float>& logits,
                                   const std::vector<double>& expected, std::int64_t classes) {
  std::vector<double> bounds;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const auto column = static_cast<std::int64_t>(i) % classes;
    const float* row = logits.data() + i - column;
    const RowErrors errors(row, classes);
    // A reciprocal and a product.
    const double relative =
        errors.exponentials[static_cast<std::size_t>(column)] + errors.sum + gamma(2);
    // Far from the maximum the error is unbounded and the value zero: |0 - p| <= p < kUnderflow.
    bounds.push_back(expected[i] == 0 ? kUnderflow : expected[i] * relative + kUnderflow);
  }
  return bounds;
}

std::vector<float> run_softmax(std::int64_t rows, const std::vector<float>& values) {
  const GuardedArray<float> src(values);
  GuardedArray<float> dst(static_cast<std::int64_t>(values.size()));
  default_kernels().softmax(rows, static_cast<std::int64_t>(values.size()) / rows, src.data(),
                            dst.data());
  EXPECT_TRUE(src.intact() && dst.intact());
  return {dst.span().begin(), dst.span().end()};
}

TEST(Softmax, matches_the_reference) {
  for (const std::int64_t classes : kClasses) {
    SCOPED_TRACE(classes);
    const std::vector<float> logits = logits_of(classes);
    std::vector<double> expected(logits.size());
    reference::softmax(kRows, classes, widen(logits).data(), expected.data());
    ASSERT_TRUE(all_near(run_softmax(kRows, logits), expected,
                         softmax_bounds(logits, expected, classes)));
  }
}

TEST(Softmax, rows_add_up_to_one) {
  const std::vector<float> dst = run_softmax(kRows, logits_of(100));
  for (std::int64_t row = 0; row < kRows; ++row) {
    const auto first = dst.begin() + row * 100;
    EXPECT_NEAR(std::accumulate(first, first + 100, 0.0), 1.0, gamma(100 + 4));
  }
}

TEST(Softmax, works_in_place) {
  std::vector<float> values = logits_of(17);
  const std::vector<float> expected = run_softmax(kRows, values);
  default_kernels().softmax(kRows, 17, values.data(), values.data());
  EXPECT_TRUE(same_bits(values, expected));
}

TEST(Softmax, of_no_rows_does_nothing) { default_kernels().softmax(0, 10, nullptr, nullptr); }

TEST(Softmax, gives_minus_infinity_no_share) {
  EXPECT_TRUE(all_equal(run_softmax(1, {-kInfinity, 0, -kInfinity, 0}),
                        std::vector<float>{0, 0.5F, 0, 0.5F}));
}

// Divergence must show: a NaN anywhere in a row, or no finite maximum, makes the row NaN, and no
// other.
TEST(Softmax, passes_nan_on) {
  for (const std::int64_t classes : {1, 3, 10, 16, 17, 33}) {
    for (std::int64_t place = 0; place < classes; ++place) {
      std::vector<float> logits = random_values(3 * classes, 2);
      logits[static_cast<std::size_t>(classes + place)] = kNaN;
      const std::vector<float> dst = run_softmax(3, logits);
      for (std::int64_t i = 0; i < 3 * classes; ++i) {
        ASSERT_EQ(std::isnan(dst[static_cast<std::size_t>(i)]), i / classes == 1)
            << "NaN at " << place << " of " << classes << ", looked at " << i;
      }
    }
  }
}

TEST(SoftmaxBackward, matches_the_reference) {
  for (const std::int64_t classes : kClasses) {
    SCOPED_TRACE(classes);
    const std::vector<float> dst = run_softmax(kRows, logits_of(classes));
    const std::vector<float> d_dst = random_values(kRows * classes, 2);
    std::vector<double> expected(dst.size());
    reference::softmax_backward(kRows, classes, widen(dst).data(), widen(d_dst).data(),
                                expected.data());
    // The dot product is off by gamma(n) of its magnitudes; then a difference and a product.
    std::vector<double> bounds(dst.size());
    for (std::size_t i = 0; i < dst.size(); ++i) {
      const std::size_t first = i - i % static_cast<std::size_t>(classes);
      double scale = 0;
      for (std::size_t j = first; j < first + static_cast<std::size_t>(classes); ++j) {
        scale += std::abs(static_cast<double>(dst[j]) * d_dst[j]);
      }
      bounds[i] = dst[i] * (gamma(static_cast<double>(classes) + 2) * scale +
                            gamma(2) * std::abs(static_cast<double>(d_dst[i])));
      bounds[i] += kUnderflow;
    }
    const GuardedArray<float> dst_array(dst);
    const GuardedArray<float> d_dst_array(d_dst);
    GuardedArray<float> d_src(kRows * classes);
    default_kernels().softmax_backward(kRows, classes, dst_array.data(), d_dst_array.data(),
                                       d_src.data());
    ASSERT_TRUE(dst_array.intact() && d_dst_array.intact() && d_src.intact());
    ASSERT_TRUE(all_near(d_src.span(), expected, bounds));

    std::vector<float> in_place = d_dst;
    default_kernels().softmax_backward(kRows, classes, dst.data(), in_place.data(),
                                       in_place.data());
    ASSERT_TRUE(same_bits(in_place, d_src.span()));
  }
}

struct Loss {
  std::vector<float> losses, d_logits;
};

Loss run_loss(const std::vector<float>& values, const std::vector<std::int32_t>& labels,
              float gradient_scale) {
  const auto rows = static_cast<std::int64_t>(labels.size());
  const GuardedArray<float> logits(values);
  const GuardedArray<std::int32_t> label_array(labels);
  GuardedArray<float> losses(rows);
  GuardedArray<float> d_logits(static_cast<std::int64_t>(values.size()));
  default_kernels().softmax_cross_entropy(rows, static_cast<std::int64_t>(values.size()) / rows,
                                          logits.data(), label_array.data(), gradient_scale,
                                          losses.data(), d_logits.data());
  EXPECT_TRUE(logits.intact() && label_array.intact() && losses.intact() && d_logits.intact());
  return {{losses.span().begin(), losses.span().end()},
          {d_logits.span().begin(), d_logits.span().end()}};
}

TEST(SoftmaxCrossEntropy, matches_the_reference) {
  for (const std::int64_t classes : kClasses) {
    for (const float scale : {1.0F, 1.0F / 128}) {
      SCOPED_TRACE(std::to_string(classes) + " classes, scale " + std::to_string(scale));
      const std::vector<float> logits = logits_of(classes);
      const std::vector<std::int32_t> labels = labels_of(classes);
      std::vector<double> losses(labels.size());
      std::vector<double> d_logits(logits.size());
      reference::softmax_cross_entropy(kRows, classes, widen(logits).data(), labels.data(),
                                       static_cast<double>(scale), losses.data(), d_logits.data());

      std::vector<double> probabilities(logits.size());
      reference::softmax(kRows, classes, widen(logits).data(), probabilities.data());
      std::vector<double> loss_bounds;
      std::vector<double> gradient_bounds = softmax_bounds(logits, probabilities, classes);
      for (double& bound : gradient_bounds) bound *= scale;
      for (std::int64_t row = 0; row < kRows; ++row) {
        const float* row_logits = logits.data() + row * classes;
        const auto label = static_cast<std::size_t>(labels[static_cast<std::size_t>(row)]);
        const double distance =
            *std::max_element(row_logits, row_logits + classes) -
            static_cast<double>(row_logits[label]);
        const double loss = losses[static_cast<std::size_t>(row)];
        // log(sum): the sum's relative error, and two units in the last place of log; the distance
        // and the loss are rounded once each.
        loss_bounds.push_back(RowErrors(row_logits, classes).sum +
                              4 * kUnitRoundoff * (loss - distance) +
                              kUnitRoundoff * (distance + loss));
        // The label's gradient has one more rounding.
        const std::size_t at = static_cast<std::size_t>(row * classes) + label;
        gradient_bounds[at] += gamma(1) * std::abs(d_logits[at]);
      }
      // In the row of enormous logits some distances overflow: the loss is then rightly infinite.
      for (double& loss : losses) {
        if (loss > std::numeric_limits<float>::max()) loss = kInfinity;
      }
      const Loss actual = run_loss(logits, labels, scale);
      ASSERT_TRUE(all_near(actual.losses, losses, loss_bounds));
      ASSERT_TRUE(all_near(actual.d_logits, d_logits, gradient_bounds));
    }
  }
}

TEST(SoftmaxCrossEntropy, of_one_class_is_zero) {
  const Loss loss = run_loss({5, -1e30F}, {0, 0}, 0.5F);
  EXPECT_TRUE(all_equal(loss.losses, std::vector<float>{0, 0}));
  EXPECT_TRUE(all_equal(loss.d_logits, std::vector<float>{0, 0}));
}

TEST(SoftmaxCrossEntropy, of_equal_logits_is_log_of_the_classes) {
  const Loss loss = run_loss(std::vector<float>(10, 1234.0F), {3}, 1);
  EXPECT_NEAR(loss.losses[0], std::log(10.0), gamma(12) * std::log(10.0));
}

// A hopeless sample has a large loss, not an infinite one; a certain one has none.
TEST(SoftmaxCrossEntropy, stays_finite_for_large_logits) {
  EXPECT_EQ(run_loss({1e6F, 0}, {1}, 1).losses[0], 1e6F);
  EXPECT_EQ(run_loss({1e6F, 0}, {0}, 1).losses[0], 0);
  EXPECT_TRUE(all_equal(run_loss({1e6F, 0}, {1}, 2).d_logits, std::vector<float>{2, -2}));
}

TEST(SoftmaxCrossEntropy, works_in_place) {
  std::vector<float> values = logits_of(17);
  const std::vector<std::int32_t> labels = labels_of(17);
  const Loss expected = run_loss(values, labels, 0.25F);
  std::vector<float> losses(kRows);
  default_kernels().softmax_cross_entropy(kRows, 17, values.data(), labels.data(), 0.25F,
                                          losses.data(), values.data());
  EXPECT_TRUE(same_bits(losses, expected.losses));
  EXPECT_TRUE(same_bits(values, expected.d_logits));
}

TEST(SoftmaxCrossEntropy, of_minus_infinity) {
  const Loss other = run_loss({-kInfinity, 0, 0}, {1}, 1);
  EXPECT_NEAR(other.losses[0], std::log(2.0), gamma(6));
  EXPECT_EQ(other.d_logits[0], 0);
  EXPECT_EQ(run_loss({-kInfinity, 0, 0}, {0}, 1).losses[0], kInfinity);
}

// The loop that trains stops at a loss that is not finite: a NaN or an infinity among the logits
// must reach it from wherever it is.
TEST(SoftmaxCrossEntropy, passes_nan_and_infinity_on) {
  for (const float bad : {kNaN, kInfinity}) {
    for (const std::int64_t classes : {1, 3, 10, 16, 17, 33}) {
      for (std::int64_t place = 0; place < classes; ++place) {
        std::vector<float> logits = random_values(classes, 2);
        logits[static_cast<std::size_t>(place)] = bad;
        const Loss loss = run_loss(logits, {0}, 1);
        ASSERT_FALSE(std::isfinite(loss.losses[0])) << bad << " at " << place << " of " << classes;
      }
    }
  }
  EXPECT_FALSE(std::isfinite(run_loss(std::vector<float>(10, -kInfinity), {0}, 1).losses[0]));
}

}  // namespace
}  // namespace tilewise::simd
