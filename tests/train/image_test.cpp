#include "tilewise/train/image.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "support/error_matchers.hpp"
#include "tilewise/core/error.hpp"

namespace tilewise {
namespace {

using ::testing::ElementsAre;
using testing::throws_line;

Image image_of(std::int64_t height, std::int64_t width, std::int64_t channels,
               const std::vector<std::uint8_t>& values) {
  Image image(height, width, channels);
  std::copy(values.begin(), values.end(), image.bytes.data());
  return image;
}

std::vector<int> values_of(const Image& image) {
  return {image.bytes.span().begin(), image.bytes.span().end()};
}

TEST(ImageTest, ChecksItsShape) {
  EXPECT_THAT([] { Image(0, 1, 1); }, throws_line<ShapeError>("(0, 1, 1)", "at least 1"));
  EXPECT_THAT([] { Image(1, 1, 2); }, throws_line<ShapeError>("(1, 1, 2)", "1 or 3"));
  EXPECT_THROW(Image(-1, 1, 1), ShapeError);
}

TEST(ImageTest, ConvertsChannels) {
  EXPECT_THAT(values_of(convert_channels(image_of(1, 2, 1, {5, 9}), 3)), ElementsAre(5, 5, 5, 9, 9, 9));
  // 0.299 x 255 = 76.2, 0.587 x 255 = 149.7, 0.114 x 255 = 29.1
  EXPECT_THAT(values_of(convert_channels(
                  image_of(1, 5, 3, {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0}), 1)),
              ElementsAre(76, 150, 29, 255, 0));
  EXPECT_THAT(values_of(convert_channels(image_of(1, 1, 3, {1, 2, 3}), 3)), ElementsAre(1, 2, 3));
  EXPECT_THROW(convert_channels(Image(1, 1, 1), 2), ShapeError);
}

TEST(ImageTest, ResizesByArea) {
  // Halves, whole pixels, and thirds: (2 x 30 + 60) / 3, (60 + 2 x 90) / 3.
  EXPECT_THAT(values_of(resize_image(image_of(2, 2, 1, {10, 20, 30, 41}), 1, 1)), ElementsAre(25));
  EXPECT_THAT(values_of(resize_image(image_of(1, 2, 1, {10, 20}), 2, 4)),
              ElementsAre(10, 10, 20, 20, 10, 10, 20, 20));
  EXPECT_THAT(values_of(resize_image(image_of(1, 3, 1, {30, 60, 90}), 1, 2)), ElementsAre(40, 80));
  EXPECT_THAT(values_of(resize_image(image_of(3, 1, 3, {30, 0, 3, 60, 0, 3, 90, 0, 3}), 2, 1)),
              ElementsAre(40, 0, 3, 80, 0, 3));
  EXPECT_THROW(resize_image(Image(2, 2, 1), 0, 1), ShapeError);
}

// What scaling down by any factor keeps.
TEST(ImageTest, ResizingKeepsTheMean) {
  Image image(50, 70, 1);
  double before = 0;
  for (std::int64_t i = 0; i < image.bytes.size(); ++i) {
    image.bytes[i] = static_cast<std::uint8_t>(i * i % 251);
    before += image.bytes[i];
  }
  for (const std::int64_t size : {1, 3, 17, 49}) {
    double after = 0;
    for (const int value : values_of(resize_image(image, size, size + 1))) after += value;
    // Each pixel is rounded by at most a half.
    EXPECT_NEAR(after / static_cast<double>(size * (size + 1)), before / 3500, 0.5);
  }
}

}  // namespace
}  // namespace tilewise
