#include "apps/picture.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

#include "tilewise/core/error.hpp"
#include "tilewise/train/posix_file.hpp"

namespace tilewise::app {
namespace {

constexpr std::int64_t kMaxFileBytes = 64 * 1024 * 1024;

/// Reads the header of a netpbm file: "P5", width, height and largest value, between white space or
/// comments, and one more character before the pixels.
class Header {
 public:
  Header(const std::string& path, const std::string& text) : path_(path), text_(text) {}

  std::int64_t channels() {
    if (text_.starts_with("P5") || text_.starts_with("P6")) {
      at_ = 2;
      return text_[1] == '5' ? 1 : 3;
    }
    throw FileError(path_ + ": not a binary PGM or PPM file, expected \"P5\" or \"P6\" at its start");
  }

  std::int64_t number() {
    skip_space();
    std::int64_t value = 0;
    const char* start = text_.data() + at_;
    const auto [end, error] = std::from_chars(start, text_.data() + text_.size(), value);
    if (error != std::errc() || value < 1 || value > 65535) {
      throw FileError(path_ + ": has no valid width, height and largest value in its header");
    }
    at_ += static_cast<std::size_t>(end - start);
    return value;
  }

  std::size_t pixels() const { return at_ + 1; }

 private:
  void skip_space() {
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == '#') at_ = std::min(text_.find('\n', at_), text_.size() - 1);
      if (std::string_view(" \t\r\n").find(text_[at_]) == std::string_view::npos) return;
    }
  }

  const std::string& path_;
  const std::string& text_;
  std::size_t at_ = 0;
};

void read_picture(const std::string& path, const Shape& expected, std::uint8_t* pixels) {
  const std::string text = read_text(path, kMaxFileBytes);
  Header header(path, text);
  const std::int64_t channels = header.channels();
  const std::int64_t width = header.number();
  const std::int64_t height = header.number();
  const std::int64_t largest = header.number();
  const Shape shape{height, width, channels};
  if (shape != expected) {
    throw FileError(fmt::format("{}: a picture of shape {}, the network takes {}", path,
                                shape.to_string(), expected.to_string()));
  }
  if (largest > 255) throw FileError(path + ": values of 16 bits, expected at most 255");
  const auto size = static_cast<std::size_t>(shape.elements());
  if (text.size() < header.pixels() + size) throw FileError(path + ": truncated");
  for (std::size_t i = 0; i < size; ++i) {
    const auto value = static_cast<unsigned char>(text[header.pixels() + i]);
    pixels[i] = static_cast<std::uint8_t>(std::min<std::int64_t>(255, value * 255 / largest));
  }
}

}  // namespace

Dataset read_pictures(const std::vector<std::string>& paths, const Shape& image_shape) {
  const auto count = static_cast<std::int64_t>(paths.size());
  AlignedBuffer<std::uint8_t> pixels(checked_product(count, image_shape.elements()));
  for (std::int64_t i = 0; i < count; ++i) {
    read_picture(paths[static_cast<std::size_t>(i)], image_shape,
                 pixels.data() + i * image_shape.elements());
  }
  return Dataset(image_shape, 1, std::move(pixels), std::vector<std::int32_t>(paths.size()));
}

}  // namespace tilewise::app
