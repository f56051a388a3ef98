#include "tilewise/train/contact_sheet.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "tilewise/core/error.hpp"

namespace tilewise {
namespace {

constexpr std::uint8_t kGround = 64;
constexpr std::uint8_t kText = 224;

/// The digits, 3 pixels wide and 5 high: bit 2 of each row is its left pixel.
constexpr std::int64_t kDigitWidth = 3, kDigitHeight = 5;
constexpr std::uint8_t kDigits[10][kDigitHeight] = {
    {7, 5, 5, 5, 7}, {2, 6, 2, 2, 7}, {7, 1, 7, 4, 7}, {7, 1, 7, 1, 7}, {5, 5, 7, 1, 1},
    {7, 4, 7, 1, 7}, {7, 4, 7, 5, 7}, {7, 1, 1, 1, 1}, {7, 5, 7, 5, 7}, {7, 5, 7, 1, 7}};
constexpr std::int64_t kAdvance = kDigitWidth + 1;

void draw_number(Image& image, std::int64_t top, std::int64_t left, const std::string& digits) {
  for (const char digit : digits) {
    for (std::int64_t y = 0; y < kDigitHeight; ++y) {
      for (std::int64_t x = 0; x < kDigitWidth; ++x) {
        if ((kDigits[digit - '0'][y] >> (kDigitWidth - 1 - x) & 1) == 0) continue;
        std::fill_n(image.pixel(top + y, left + x), image.channels(), kText);
      }
    }
    left += kAdvance;
  }
}

void paste(Image& image, std::int64_t top, std::int64_t left, const std::uint8_t* bytes,
           const Shape& shape) {
  const std::int64_t row_bytes = shape[1] * shape[2];
  for (std::int64_t y = 0; y < shape[0]; ++y) {
    std::memcpy(image.pixel(top + y, left), bytes + y * row_bytes, static_cast<std::size_t>(row_bytes));
  }
}

}  // namespace

std::vector<std::int64_t> class_counts(const DatasetView& data) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(data.classes()));
  for (std::int64_t i = 0; i < data.size(); ++i) ++counts[static_cast<std::size_t>(data.label(i))];
  return counts;
}

Image contact_sheet(const DatasetView& data, const ContactSheetOptions& options) {
  if (options.samples < 1 || options.gap < 0) {
    throw ArgumentError("contact sheet of " + std::to_string(options.samples) + " samples with gaps of " +
                        std::to_string(options.gap) + " pixels, expected at least 1 and 0");
  }
  const std::vector<std::int64_t> counts = class_counts(data);
  const std::int64_t most = *std::ranges::max_element(counts);
  const auto digits = [](std::int64_t number) { return std::to_string(number); };
  const auto width_of = [](const std::string& text) {
    return kAdvance * static_cast<std::int64_t>(text.size()) - 1;
  };
  const Shape& shape = data.image_shape();
  const std::int64_t gap = options.gap;
  // Number and count, one below the other, each right-aligned.
  const std::int64_t text_width = std::max(width_of(digits(data.classes() - 1)), width_of(digits(most)));
  const std::int64_t row_height = std::max(shape[0], 2 * kDigitHeight + 2) + gap;
  const std::int64_t columns = std::min(options.samples, most);
  const std::int64_t first_column = gap + text_width + 2;
  Image sheet(gap + row_height * data.classes(), first_column + columns * (shape[1] + gap), shape[2]);
  std::ranges::fill(sheet.bytes.span(), kGround);

  for (std::int64_t c = 0; c < data.classes(); ++c) {
    const std::int64_t top = gap + c * row_height;
    const std::string number = digits(c), count = digits(counts[static_cast<std::size_t>(c)]);
    draw_number(sheet, top, gap + text_width - width_of(number), number);
    draw_number(sheet, top + kDigitHeight + 2, gap + text_width - width_of(count), count);
  }
  std::vector<std::int64_t> shown(counts.size());
  for (std::int64_t i = 0; i < data.size(); ++i) {
    std::int64_t& column = shown[static_cast<std::size_t>(data.label(i))];
    if (column == columns) continue;
    paste(sheet, gap + data.label(i) * row_height, first_column + column++ * (shape[1] + gap),
          data.image(i), shape);
  }
  return sheet;
}

}  // namespace tilewise
