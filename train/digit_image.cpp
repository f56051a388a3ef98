#include "tilewise/train/digit_image.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tilewise/core/error.hpp"

namespace tilewise {
namespace {

constexpr int kFaintest = 51;  ///< a fifth of 255: what is weaker is no ink

/// The median of the outermost pixels of a grey image.
int border_brightness(const Image& image) {
  std::vector<std::uint8_t> border;
  for (std::int64_t y = 0; y < image.height(); ++y) {
    const bool whole_row = y == 0 || y == image.height() - 1;
    const std::int64_t step = whole_row ? 1 : std::max<std::int64_t>(1, image.width() - 1);
    for (std::int64_t x = 0; x < image.width(); x += step) border.push_back(*image.pixel(y, x));
  }
  const auto middle = border.begin() + static_cast<std::ptrdiff_t>(border.size() / 2);
  std::nth_element(border.begin(), middle, border.end());
  return *middle;
}

/// Bright ink on black.
void isolate_ink(Image& image, Ink ink) {
  int ground = border_brightness(image);
  if (ink == Ink::dark || (ink == Ink::automatic && ground >= 128)) {
    for (std::uint8_t& pixel : image.bytes.span()) pixel = static_cast<std::uint8_t>(255 - pixel);
    ground = 255 - ground;
  }
  const int strongest = *std::ranges::max_element(image.bytes.span());
  if (strongest <= ground) {
    throw ArgumentError("picture of " + std::to_string(image.height()) + " x " +
                        std::to_string(image.width()) +
                        " pixels: no ink, expected some that differs from the border");
  }
  const int range = strongest - ground;
  for (std::uint8_t& pixel : image.bytes.span()) {
    const int stretched = (2 * 255 * std::max(0, pixel - ground) + range) / (2 * range);
    pixel = static_cast<std::uint8_t>(stretched < kFaintest ? 0 : stretched);
  }
}

/// The smallest part that holds all ink.
Image crop_to_ink(const Image& image) {
  std::int64_t top = image.height(), bottom = 0, left = image.width(), right = 0;
  for (std::int64_t y = 0; y < image.height(); ++y) {
    for (std::int64_t x = 0; x < image.width(); ++x) {
      if (*image.pixel(y, x) == 0) continue;
      top = std::min(top, y);
      bottom = y + 1;
      left = std::min(left, x);
      right = std::max(right, x + 1);
    }
  }
  Image result(bottom - top, right - left, 1);
  for (std::int64_t y = top; y < bottom; ++y) {
    std::copy_n(image.pixel(y, left), right - left, result.pixel(y - top, 0));
  }
  return result;
}

Image fit_box(const Image& ink, std::int64_t box) {
  const std::int64_t longer = std::max(ink.height(), ink.width());
  const auto scaled = [=](std::int64_t extent) {
    return std::max<std::int64_t>(1, (2 * extent * box + longer) / (2 * longer));
  };
  return resize_image(ink, scaled(ink.height()), scaled(ink.width()));
}

/// Puts `ink` into a black image with its centre of mass in the middle.
Image centre(const Image& ink, std::int64_t size) {
  double mass = 0, rows = 0, columns = 0;
  for (std::int64_t y = 0; y < ink.height(); ++y) {
    for (std::int64_t x = 0; x < ink.width(); ++x) {
      const double pixel = *ink.pixel(y, x);
      mass += pixel;
      rows += pixel * static_cast<double>(y);
      columns += pixel * static_cast<double>(x);
    }
  }
  const auto place = [=](double moment, std::int64_t extent) {
    // Ink so thin that scaling rounded all of it to 0 has no centre.
    const double middle = mass > 0 ? moment / mass : static_cast<double>(extent - 1) / 2;
    const auto first = static_cast<std::int64_t>(std::lround(static_cast<double>(size) / 2 - middle));
    return std::clamp<std::int64_t>(first, 0, size - extent);
  };
  const std::int64_t top = place(rows, ink.height());
  const std::int64_t left = place(columns, ink.width());
  Image result(size, size, 1);
  for (std::int64_t y = 0; y < ink.height(); ++y) {
    std::copy_n(ink.pixel(y, 0), ink.width(), result.pixel(top + y, left));
  }
  return result;
}

}  // namespace

Image digit_image(const Image& picture, const DigitImageOptions& options) {
  if (options.box < 1 || options.box > options.size) {
    throw ArgumentError("box of " + std::to_string(options.box) + " pixels, expected 1 to the size, " +
                        std::to_string(options.size));
  }
  Image grey = convert_channels(picture, 1);
  isolate_ink(grey, options.ink);
  if (!options.normalize) return resize_image(grey, options.size, options.size);
  return centre(fit_box(crop_to_ink(grey), options.box), options.size);
}

}  // namespace tilewise
