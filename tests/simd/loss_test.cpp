#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "simd/softmax_rows.hpp"
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
using testing::random_values;
using testing::same_bits;
using testing::widen;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

TILEWISE_TESTS_KERNEL(softmax_cross_entropy);
TILEWISE_TESTS_KERNEL(mean_squared_error);

using Kernel = void (*)(const LossArgs&) noexcept;

struct Loss {
  std::vector<float> losses, d_outputs;
};

/// `args` has all but the arrays of outputs and results.
Loss run(Kernel kernel, LossArgs args, const std::vector<float>& values) {
  const GuardedArray<float> outputs(values);
  GuardedArray<float> losses(args.rows);
  GuardedArray<float> d_outputs(static_cast<std::int64_t>(values.size()));
  args.outputs = outputs.data();
  args.losses = losses.data();
  args.d_outputs = d_outputs.data();
  kernel(args);
  EXPECT_TRUE(outputs.intact() && losses.intact() && d_outputs.intact());
  return {{losses.span().begin(), losses.span().end()},
          {d_outputs.span().begin(), d_outputs.span().end()}};
}

Loss run_loss(const std::vector<float>& logits, const std::vector<std::int32_t>& labels,
              float gradient_scale, float smoothing = 0) {
  const auto rows = static_cast<std::int64_t>(labels.size());
  const GuardedArray<std::int32_t> label_array(labels);
  return run(default_kernels().softmax_cross_entropy,
             {.rows = rows,
              .columns = static_cast<std::int64_t>(logits.size()) / rows,
              .labels = label_array.data(),
              .smoothing = smoothing,
              .gradient_scale = gradient_scale},
             logits);
}

/// Rows of numbers from 0 to 1, every fifth 0, that need not add up to 1.
std::vector<float> targets_of(std::int64_t size) {
  std::vector<float> targets = random_values(size, 9);
  for (std::size_t i = 0; i < targets.size(); ++i) targets[i] = i % 5 == 0 ? 0 : std::abs(targets[i]);
  return targets;
}


TEST(SoftmaxCrossEntropy, matches_the_reference) {
  for (const std::int64_t classes : kClasses) {
    for (const float scale : {1.0F, 1.0F / 128}) {
      SCOPED_TRACE(std::to_string(classes) + " classes, scale " + std::to_string(scale));
      const std::vector<float> logits = logits_of(classes);
      const std::vector<std::int32_t> labels = labels_of(classes);
      std::vector<double> losses(labels.size());
      std::vector<double> d_logits(logits.size());
      reference::softmax_cross_entropy({.rows = kRows,
                                        .columns = classes,
                                        .labels = labels.data(),
                                        .gradient_scale = scale},
                                       widen(logits).data(), losses.data(), d_logits.data());

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
      ASSERT_TRUE(all_near(actual.d_outputs, d_logits, gradient_bounds));
    }
  }
}

TEST(SoftmaxCrossEntropy, of_one_class_is_zero) {
  const Loss loss = run_loss({5, -1e30F}, {0, 0}, 0.5F);
  EXPECT_TRUE(all_equal(loss.losses, std::vector<float>{0, 0}));
  EXPECT_TRUE(all_equal(loss.d_outputs, std::vector<float>{0, 0}));
}

TEST(SoftmaxCrossEntropy, of_equal_logits_is_log_of_the_classes) {
  const Loss loss = run_loss(std::vector<float>(10, 1234.0F), {3}, 1);
  EXPECT_NEAR(loss.losses[0], std::log(10.0), gamma(12) * std::log(10.0));
}

// A hopeless sample has a large loss, not an infinite one; a certain one has none.
TEST(SoftmaxCrossEntropy, stays_finite_for_large_logits) {
  EXPECT_EQ(run_loss({1e6F, 0}, {1}, 1).losses[0], 1e6F);
  EXPECT_EQ(run_loss({1e6F, 0}, {0}, 1).losses[0], 0);
  EXPECT_TRUE(all_equal(run_loss({1e6F, 0}, {1}, 2).d_outputs, std::vector<float>{2, -2}));
}

TEST(SoftmaxCrossEntropy, works_in_place) {
  std::vector<float> values = logits_of(17);
  const std::vector<std::int32_t> labels = labels_of(17);
  const Loss expected = run_loss(values, labels, 0.25F);
  std::vector<float> losses(kRows);
  default_kernels().softmax_cross_entropy({.rows = kRows,
                                           .columns = 17,
                                           .outputs = values.data(),
                                           .labels = labels.data(),
                                           .gradient_scale = 0.25F,
                                           .losses = losses.data(),
                                           .d_outputs = values.data()});
  EXPECT_TRUE(same_bits(losses, expected.losses));
  EXPECT_TRUE(same_bits(values, expected.d_outputs));
}

TEST(SoftmaxCrossEntropy, of_minus_infinity) {
  const Loss other = run_loss({-kInfinity, 0, 0}, {1}, 1);
  EXPECT_NEAR(other.losses[0], std::log(2.0), gamma(6));
  EXPECT_EQ(other.d_outputs[0], 0);
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

// Label smoothing and targets, whose sums have as many terms as there are classes.
TEST(SoftmaxCrossEntropy, of_spread_targets_matches_the_reference) {
  constexpr std::int64_t kSomeRows = kRows - 1;  // distances in the last one overflow
  for (const std::int64_t classes : kClasses) {
    std::vector<float> logits = logits_of(classes);
    logits.resize(static_cast<std::size_t>(kSomeRows * classes));
    const std::vector<std::int32_t> labels = labels_of(classes);
    const GuardedArray<float> targets(targets_of(kSomeRows * classes));
    std::vector<double> shares(logits.size());
    reference::softmax(kSomeRows, classes, widen(logits).data(), shares.data());
    const std::vector<double> share_bounds = softmax_bounds(logits, shares, classes);
    for (const bool with_targets : {false, true}) {
      for (const float smoothing : {0.0F, 0.1F}) {
        SCOPED_TRACE(std::to_string(classes) + " classes, smoothing " + std::to_string(smoothing));
        const LossArgs args{.rows = kSomeRows,
                            .columns = classes,
                            .labels = with_targets ? nullptr : labels.data(),
                            .targets = with_targets ? targets.data() : nullptr,
                            .smoothing = smoothing,
                            .gradient_scale = 1.0F / 128};
        std::vector<double> losses(static_cast<std::size_t>(kSomeRows));
        std::vector<double> d_logits(logits.size());
        reference::softmax_cross_entropy(args, widen(logits).data(), losses.data(), d_logits.data());

        std::vector<double> loss_bounds, gradient_bounds;
        const double n = static_cast<double>(classes);
        for (std::int64_t row = 0; row < kSomeRows; ++row) {
          const float* row_logits = logits.data() + row * classes;
          const double maximum = *std::max_element(row_logits, row_logits + classes);
          double sum = 0, total = 0, distance = 0;
          for (std::int64_t i = 0; i < classes; ++i) {
            const double y = reference::wanted<double>(args, row, i);
            sum += std::exp(row_logits[i] - maximum);
            total += y;
            distance += y * (maximum - row_logits[i]);
          }
          // y takes three roundings, and a sum over n of them as many more; the distance a difference and
          // a product; then total * log(sum), where log is granted two units in the last place, and a
          // difference.
          loss_bounds.push_back(total * RowErrors(row_logits, classes).sum +
                                gamma(n + 3 + 4 + 2) * total * std::log(sum) +
                                gamma(n + 3 + 2 + 1) * distance);
          for (std::int64_t i = 0; i < classes; ++i) {
            const auto at = static_cast<std::size_t>(row * classes + i);
            const double y = reference::wanted<double>(args, row, i);
            gradient_bounds.push_back((total * share_bounds[at] + gamma(n + 3 + 2) * total * shares[at] +
                                       gamma(3 + 1) * y + gamma(2) * (total * shares[at] + y)) /
                                      128);
          }
        }
        const Loss actual = run(default_kernels().softmax_cross_entropy, args, logits);
        ASSERT_TRUE(all_near(actual.losses, losses, loss_bounds));
        ASSERT_TRUE(all_near(actual.d_outputs, d_logits, gradient_bounds));
      }
    }
  }
}

TEST(SoftmaxCrossEntropy, onehot_targets_are_labels) {
  const std::vector<float> logits = logits_of(17);
  const std::vector<std::int32_t> labels = labels_of(17);
  std::vector<float> onehot(logits.size());
  for (std::size_t row = 0; row < labels.size(); ++row) {
    onehot[row * 17 + static_cast<std::size_t>(labels[row])] = 1;
  }
  const Loss expected = run_loss(logits, labels, 0.25F);
  const Loss actual = run(default_kernels().softmax_cross_entropy,
                          {.rows = kRows, .columns = 17, .targets = onehot.data(), .gradient_scale = 0.25F},
                          logits);
  EXPECT_TRUE(all_equal(actual.losses, expected.losses));
  EXPECT_TRUE(all_equal(actual.d_outputs, expected.d_outputs));
}

// What has a probability of 0 and is not wanted costs nothing; what is wanted costs everything.
TEST(SoftmaxCrossEntropy, of_targets_and_minus_infinity) {
  const std::vector<float> targets = {0, 0.5F, 0.5F, 0.5F, 0.5F, 0};
  const Loss loss = run(default_kernels().softmax_cross_entropy,
                        {.rows = 2, .columns = 3, .targets = targets.data()},
                        {-kInfinity, 1, 1, -kInfinity, 1, 1});
  EXPECT_NEAR(loss.losses[0], std::log(2.0), gamma(8));
  EXPECT_EQ(loss.losses[1], kInfinity);
}

TEST(MeanSquaredError, matches_the_reference) {
  for (const std::int64_t columns : kClasses) {
    const std::vector<float> outputs = random_values(kRows * columns, 1);
    const std::vector<std::int32_t> labels = labels_of(columns);
    const GuardedArray<float> targets(targets_of(kRows * columns));
    for (const bool with_targets : {false, true}) {
      SCOPED_TRACE(std::to_string(columns) + " columns");
      const LossArgs args{.rows = kRows,
                          .columns = columns,
                          .labels = with_targets ? nullptr : labels.data(),
                          .targets = with_targets ? targets.data() : nullptr,
                          .gradient_scale = 1.0F / 3};
      std::vector<double> losses(static_cast<std::size_t>(kRows));
      std::vector<double> d_outputs(outputs.size());
      reference::mean_squared_error(args, widen(outputs).data(), losses.data(), d_outputs.data());
      const Loss actual = run(default_kernels().mean_squared_error, args, outputs);
      // A difference, twice in its square, a product, a sum, 1 / columns and the product with it.
      ASSERT_TRUE(all_near(actual.losses, losses,
                           testing::bounds(static_cast<double>(columns) + 5, losses)));
      // A difference, 1 / columns, and two products.
      std::vector<double> scale;
      for (const double value : d_outputs) scale.push_back(std::abs(value));
      ASSERT_TRUE(all_near(actual.d_outputs, d_outputs, testing::bounds(4, scale)));
    }
  }
}

TEST(MeanSquaredError, of_powers_of_two_is_exact) {
  const std::vector<std::int32_t> labels = {3};
  const Loss loss = run(default_kernels().mean_squared_error,
                        {.rows = 1, .columns = 4, .labels = labels.data()}, {2, -1, 0, 3});
  EXPECT_EQ(loss.losses[0], (4 + 1 + 0 + 4) / 4.0F);
  EXPECT_TRUE(all_equal(loss.d_outputs, std::vector<float>{1, -0.5F, 0, 1}));
}

TEST(MeanSquaredError, works_in_place) {
  std::vector<float> values = random_values(kRows * 17, 1);
  const std::vector<float> targets = targets_of(kRows * 17);
  const LossArgs args{.rows = kRows, .columns = 17, .targets = targets.data()};
  const Loss expected = run(default_kernels().mean_squared_error, args, values);
  std::vector<float> losses(kRows);
  LossArgs in_place = args;
  in_place.outputs = in_place.d_outputs = values.data();
  in_place.losses = losses.data();
  default_kernels().mean_squared_error(in_place);
  EXPECT_TRUE(same_bits(losses, expected.losses));
  EXPECT_TRUE(same_bits(values, expected.d_outputs));
}

TEST(MeanSquaredError, passes_nan_and_infinity_on) {
  const std::vector<std::int32_t> labels = {0};
  for (const float bad : {kNaN, kInfinity}) {
    for (std::size_t place = 0; place < 33; ++place) {
      std::vector<float> outputs = random_values(33, 2);
      outputs[place] = bad;
      const Loss loss = run(default_kernels().mean_squared_error,
                            {.rows = 1, .columns = 33, .labels = labels.data()}, outputs);
      ASSERT_FALSE(std::isfinite(loss.losses[0])) << bad << " at " << place;
    }
  }
}

}  // namespace
}  // namespace tilewise::simd
