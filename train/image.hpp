#pragma once

#include <cstdint>

#include "tilewise/core/aligned_buffer.hpp"
#include "tilewise/core/shape.hpp"

namespace tilewise {

/// A picture as bytes, row-major (h, w, c): c is 1, grey from black to white, or 3, red, green, blue.
struct Image {
  Image() = default;
  /// A black picture. Throws ShapeError unless h and w are at least 1 and c is 1 or 3.
  Image(std::int64_t height, std::int64_t width, std::int64_t channels);

  std::int64_t height() const { return shape[0]; }
  std::int64_t width() const { return shape[1]; }
  std::int64_t channels() const { return shape[2]; }
  std::uint8_t* pixel(std::int64_t y, std::int64_t x) {
    return bytes.data() + (y * width() + x) * channels();
  }
  const std::uint8_t* pixel(std::int64_t y, std::int64_t x) const {
    return bytes.data() + (y * width() + x) * channels();
  }

  Shape shape = {0, 0, 0};
  AlignedBuffer<std::uint8_t> bytes;
};

/// The same picture with `channels` channels: grey becomes equal parts of red, green and blue, and
/// colour its luma 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601, section 2.5.1), rounded.
/// Throws ShapeError unless `channels` is 1 or 3.
Image convert_channels(const Image& image, std::int64_t channels);

/// The picture scaled to height x width, each direction by itself: a pixel is the mean of the area of
/// `image` that it covers, rounded. Enlarged that way, pixels become blocks.
/// Throws ShapeError unless both are at least 1.
Image resize_image(const Image& image, std::int64_t height, std::int64_t width);

}  // namespace tilewise
