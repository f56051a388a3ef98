#include "tilewise/train/digit_image.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "support/error_matchers.hpp"
#include "tilewise/core/error.hpp"

namespace tilewise {
namespace {

using testing::throws_line;

std::vector<int> values_of(const Image& image) {
  return {image.bytes.span().begin(), image.bytes.span().end()};
}

/// A picture all of one brightness.
Image blank(std::int64_t height, std::int64_t width, std::uint8_t ground) {
  Image image(height, width, 1);
  std::ranges::fill(image.bytes.span(), ground);
  return image;
}

void fill(Image& image, std::int64_t top, std::int64_t left, std::int64_t height, std::int64_t width,
          std::uint8_t value) {
  for (std::int64_t y = top; y < top + height; ++y) std::fill_n(image.pixel(y, left), width, value);
}

/// An L whose stem and foot, in units of `pixel`, are 4 wide in a box of 20 x 10.
Image letter(std::int64_t pixel, std::int64_t top, std::int64_t left, std::uint8_t ground, std::uint8_t ink) {
  Image image = blank(30 * pixel, 40 * pixel, ground);
  fill(image, top, left, 20 * pixel, 4 * pixel, ink);
  fill(image, top + 16 * pixel, left, 4 * pixel, 10 * pixel, ink);
  return image;
}

/// First and last row and column with ink.
std::vector<std::int64_t> box_of(const Image& image) {
  std::vector<std::int64_t> box{image.height(), -1, image.width(), -1};
  for (std::int64_t y = 0; y < image.height(); ++y) {
    for (std::int64_t x = 0; x < image.width(); ++x) {
      if (*image.pixel(y, x) == 0) continue;
      box = {std::min(box[0], y), std::max(box[1], y), std::min(box[2], x), std::max(box[3], x)};
    }
  }
  return box;
}

TEST(DigitImageTest, PutsInkInABoxAroundItsCentre) {
  const Image digit = digit_image(letter(1, 3, 25, 0, 255));
  EXPECT_EQ(digit.shape, (Shape{28, 28, 1}));
  // 20 high already: nothing is scaled. The centre of mass of 80 pixels of the stem and 24 of the foot's rest
  // is at row (80 x 9.5 + 24 x 17.5) / 104 = 11.3 and column (80 x 1.5 + 24 x 6.5) / 104 = 2.7, so the box
  // begins at row 14 - 11 and column 14 - 3.
  EXPECT_THAT(box_of(digit), ::testing::ElementsAre(3, 22, 11, 20));
  EXPECT_EQ(*digit.pixel(3, 11), 255);
  EXPECT_EQ(*digit.pixel(3, 15), 0);
  EXPECT_EQ(*digit.pixel(22, 20), 255);
}

TEST(DigitImageTest, DoesNotDependOnPlaceSizeInkOrColour) {
  const std::vector<int> expected = values_of(digit_image(letter(1, 3, 25, 0, 255)));
  EXPECT_EQ(values_of(digit_image(letter(1, 0, 0, 0, 255))), expected);
  EXPECT_EQ(values_of(digit_image(letter(1, 9, 29, 255, 0))), expected);    // dark on bright
  EXPECT_EQ(values_of(digit_image(letter(1, 5, 5, 230, 40))), expected);    // on grey paper
  EXPECT_EQ(values_of(digit_image(letter(1, 5, 5, 20, 90))), expected);     // faint
  EXPECT_EQ(values_of(digit_image(letter(3, 7, 11, 255, 0))), expected);    // three times as large
  EXPECT_EQ(values_of(digit_image(convert_channels(letter(1, 5, 5, 255, 0), 3))), expected);
}

TEST(DigitImageTest, NoiseOnThePaperIsNoInk) {
  const std::vector<int> expected = values_of(digit_image(letter(2, 4, 10, 255, 0)));
  Image noisy = letter(2, 4, 10, 240, 0);
  for (std::int64_t y = 0; y < noisy.height(); ++y) {
    for (std::int64_t x = 0; x < noisy.width(); ++x) {
      std::uint8_t& pixel = *noisy.pixel(y, x);
      if (pixel != 0) pixel = static_cast<std::uint8_t>(pixel - 15 + (x * 7 + y * 13) % 31);
    }
  }
  EXPECT_EQ(values_of(digit_image(noisy)), expected);
}

TEST(DigitImageTest, InkCanBeSaid) {
  // Ink that reaches the border all around looks like ground.
  Image ring = blank(20, 20, 255);
  fill(ring, 2, 2, 16, 16, 0);
  const Image automatic = digit_image(ring);
  EXPECT_EQ(*automatic.pixel(14, 14), 255);
  EXPECT_THAT([&] { digit_image(ring, {.ink = Ink::bright}); }, throws_line<ArgumentError>("no ink"));
  EXPECT_EQ(values_of(digit_image(ring, {.ink = Ink::dark})), values_of(automatic));
}

TEST(DigitImageTest, KeepsProportionsAndStaysInside) {
  Image wide = blank(20, 100, 0);
  fill(wide, 8, 20, 4, 60, 255);
  EXPECT_THAT(box_of(digit_image(wide)), ::testing::ElementsAre(14, 14, 5, 24));
  // Most of the ink at one end: centred, it would stick out.
  Image club = blank(60, 200, 0);
  fill(club, 10, 10, 40, 10, 255);
  fill(club, 29, 20, 2, 170, 255);
  const std::vector<std::int64_t> box = box_of(digit_image(club));
  EXPECT_EQ(box[3] - box[2], 19);
  EXPECT_LE(box[3], 27);
}

TEST(DigitImageTest, OptionsForOtherNetworks) {
  const Image picture = letter(1, 3, 25, 255, 0);
  const Image large = digit_image(picture, {.size = 64, .box = 40});
  EXPECT_EQ(large.shape, (Shape{64, 64, 1}));
  EXPECT_EQ(box_of(large)[1] - box_of(large)[0], 39);
  // As a whole: 30 x 40 pixels to 15 x 15, both brightnesses exchanged.
  const Image whole = digit_image(picture, {.normalize = false, .size = 15, .box = 15});
  Image inverted = letter(1, 3, 25, 0, 255);
  EXPECT_EQ(values_of(whole), values_of(resize_image(inverted, 15, 15)));
  EXPECT_THAT([&] { digit_image(picture, {.size = 10}); }, throws_line<ArgumentError>("20", "10"));
  EXPECT_THAT([&] { digit_image(picture, {.box = 0}); }, throws_line<ArgumentError>("0 pixels"));
}

TEST(DigitImageTest, WithoutInk) {
  EXPECT_THAT([] { digit_image(blank(9, 7, 255)); }, throws_line<ArgumentError>("9 x 7", "no ink"));
  EXPECT_THAT([] { digit_image(blank(1, 1, 0)); }, throws_line<ArgumentError>("no ink"));
}

// One pixel far away keeps the rest of a box as large as this from being anything but 0.
TEST(DigitImageTest, InkThatScalesToNothing) {
  Image specks = blank(2000, 2000, 0);
  *specks.pixel(100, 100) = 255;
  *specks.pixel(1900, 1900) = 255;
  const Image digit = digit_image(specks);
  EXPECT_EQ(digit.shape, (Shape{28, 28, 1}));
}

}  // namespace
}  // namespace tilewise
