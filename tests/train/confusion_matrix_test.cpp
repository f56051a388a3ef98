#include "tilewise/train/confusion_matrix.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "support/error_matchers.hpp"
#include "tilewise/core/error.hpp"

namespace tilewise {
namespace {

TEST(ConfusionMatrixTest, CountsAndMeasures) {
  ConfusionMatrix matrix(3);
  // Of class 0: two right, one taken for 1; of class 1: one right; of class 2: none.
  for (const auto& [label, predicted] : {std::pair{0, 0}, {0, 0}, {0, 1}, {1, 1}}) {
    matrix.add(label, predicted);
  }
  EXPECT_EQ(matrix.classes(), 3);
  EXPECT_EQ(matrix.total(), 4);
  EXPECT_EQ(matrix.count(0, 1), 1);
  EXPECT_EQ(matrix.count(1, 0), 0);
  EXPECT_EQ(matrix.support(0), 3);
  EXPECT_EQ(matrix.predictions(1), 2);
  EXPECT_DOUBLE_EQ(matrix.accuracy(), 0.75);
  EXPECT_DOUBLE_EQ(matrix.precision(0), 1.0);
  EXPECT_DOUBLE_EQ(matrix.recall(0), 2.0 / 3);
  EXPECT_DOUBLE_EQ(matrix.f1(0), 0.8);
  EXPECT_DOUBLE_EQ(matrix.precision(1), 0.5);
  EXPECT_DOUBLE_EQ(matrix.recall(1), 1.0);
  // Nothing of class 2: 0 rather than 0 / 0.
  EXPECT_EQ(matrix.precision(2), 0);
  EXPECT_EQ(matrix.recall(2), 0);
  EXPECT_EQ(matrix.f1(2), 0);
}

TEST(ConfusionMatrixTest, NothingCountedYet) { EXPECT_EQ(ConfusionMatrix(2).accuracy(), 0); }

TEST(ConfusionMatrixTest, NeedsAClass) {
  EXPECT_THAT([] { ConfusionMatrix(0); }, testing::throws_line<ArgumentError>("classes 0"));
}

}  // namespace
}  // namespace tilewise
