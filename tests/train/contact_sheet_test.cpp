#include "tilewise/train/contact_sheet.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/error_matchers.hpp"
#include "tilewise/core/error.hpp"

namespace tilewise {
namespace {

using ::testing::ElementsAre;
using testing::throws_line;

/// Images of `side` x `side` pixels, number i of brightness i.
Dataset numbered(std::int64_t side, std::int64_t channels, int classes, const std::vector<std::int32_t>& labels) {
  const Shape shape{side, side, channels};
  AlignedBuffer<std::uint8_t> images(static_cast<std::int64_t>(labels.size()) * shape.elements());
  for (std::int64_t i = 0; i < images.size(); ++i) {
    images[i] = static_cast<std::uint8_t>(i / shape.elements());
  }
  return Dataset(shape, classes, std::move(images), labels);
}

/// The pixels of part of a picture, ' ' for the ground, '#' for text.
std::vector<std::string> drawn(const Image& image, std::int64_t top, std::int64_t left, std::int64_t height,
                               std::int64_t width) {
  std::vector<std::string> rows;
  for (std::int64_t y = top; y < top + height; ++y) {
    std::string& row = rows.emplace_back();
    for (std::int64_t x = left; x < left + width; ++x) row += *image.pixel(y, x) == 64 ? ' ' : '#';
  }
  return rows;
}

TEST(ContactSheetTest, CountsClasses) {
  const Dataset data = numbered(1, 1, 4, {1, 0, 1, 3});
  EXPECT_THAT(class_counts(data), ElementsAre(1, 2, 0, 1));
  EXPECT_THAT(class_counts(DatasetView(data, 2, 2)), ElementsAre(0, 1, 0, 1));
}

TEST(ContactSheetTest, HasARowOfSamplesAClass) {
  const Dataset data = numbered(14, 1, 3, {2, 0, 2, 2, 0, 2});
  const Image sheet = contact_sheet(data, {.samples = 3, .gap = 2});
  // Numbers of one digit: 2 + 3 + 2 pixels, then three columns of 14 + 2.
  EXPECT_EQ(sheet.shape, (Shape{2 + 3 * 16, 7 + 3 * 16, 1}));
  const int expected[3][3] = {{1, 4, 64}, {64, 64, 64}, {0, 2, 3}};
  for (std::int64_t row = 0; row < 3; ++row) {
    for (std::int64_t column = 0; column < 3; ++column) {
      for (const std::int64_t corner : {0, 13}) {
        EXPECT_EQ(*sheet.pixel(2 + 16 * row + corner, 7 + 16 * column + corner), expected[row][column]);
      }
      EXPECT_EQ(*sheet.pixel(2 + 16 * row + 14, 7 + 16 * column), 64);
    }
  }
}

TEST(ContactSheetTest, WritesNumbersAndCounts) {
  std::vector<std::int32_t> labels(13, 0);
  labels.push_back(1);
  const Dataset data = numbered(12, 1, 2, labels);
  const Image sheet = contact_sheet(data, {.samples = 1, .gap = 1});
  EXPECT_THAT(drawn(sheet, 1, 1, 12, 7), ElementsAre("    ###", "    # #", "    # #", "    # #", "    ###",  //
                                                     "       ", "       ",                                  //
                                                     " #  ###", "##    #", " #  ###", " #    #", "### ###"));
  EXPECT_THAT(drawn(sheet, 14, 5, 5, 3), ElementsAre(" # ", "## ", " # ", " # ", "###"));
}

TEST(ContactSheetTest, KeepsColours) {
  const Dataset data = numbered(20, 3, 1, {0});
  const Image sheet = contact_sheet(data);
  EXPECT_EQ(sheet.channels(), 3);
  EXPECT_EQ(sheet.height(), 24);
}

TEST(ContactSheetTest, ChecksItsArguments) {
  const Dataset data = numbered(2, 1, 1, {0}), odd = numbered(2, 2, 1, {0});
  EXPECT_THAT([&] { contact_sheet(data, {.samples = 0}); }, throws_line<ArgumentError>("0 samples"));
  EXPECT_THAT([&] { contact_sheet(data, {.gap = -1}); }, throws_line<ArgumentError>("-1 pixels"));
  EXPECT_THAT([&] { contact_sheet(odd); }, throws_line<ShapeError>("c 1 or 3"));
}

}  // namespace
}  // namespace tilewise
