#include "tilewise/train/image.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "tilewise/core/error.hpp"

namespace tilewise {
namespace {

Shape checked_shape(std::int64_t height, std::int64_t width, std::int64_t channels) {
  const Shape shape{height, width, channels};
  if (shape.elements() == 0 || (channels != 1 && channels != 3)) {
    throw ShapeError("image of shape " + shape.to_string() +
                     ": expected (h, w, c), h and w at least 1, c 1 or 3");
  }
  return shape;
}

/// What part of `to` pixels that span as much as `from` others pixel i covers: of the pixels
/// [first, last], the inner ones `to` units each, first and last perhaps less, `from` units in all.
struct Cover {
  Cover(std::int64_t i, std::int64_t from, std::int64_t to)
      : begin(i * from), end(begin + from), first(begin / to), last((end - 1) / to), unit(to) {}

  std::int64_t weight(std::int64_t pixel) const {
    return std::min(end, (pixel + 1) * unit) - std::max(begin, pixel * unit);
  }

  std::int64_t begin, end, first, last, unit;
};

}  // namespace

Image::Image(std::int64_t height, std::int64_t width, std::int64_t channels)
    : shape(checked_shape(height, width, channels)), bytes(shape.elements()) {}

Image convert_channels(const Image& image, std::int64_t channels) {
  Image result(image.height(), image.width(), channels);
  const std::uint8_t* src = image.bytes.data();
  std::uint8_t* dst = result.bytes.data();
  const std::int64_t step = image.channels();
  for (std::int64_t i = 0; i < image.height() * image.width(); ++i, src += step, dst += channels) {
    if (step == channels) {
      std::copy_n(src, channels, dst);
    } else if (channels == 3) {
      std::fill_n(dst, 3, *src);
    } else {
      *dst = static_cast<std::uint8_t>((299 * src[0] + 587 * src[1] + 114 * src[2] + 500) / 1000);
    }
  }
  return result;
}

// In integers: both pictures are laid over a grid of (old size) x (new size) units.
Image resize_image(const Image& image, std::int64_t height, std::int64_t width) {
  const std::int64_t channels = image.channels();
  Image result(height, width, channels);
  checked_product(checked_product(height, width), image.shape.elements());
  const std::int64_t area = image.height() * image.width();
  std::vector<std::int64_t> sums(static_cast<std::size_t>(width * channels));
  for (std::int64_t y = 0; y < height; ++y) {
    std::fill(sums.begin(), sums.end(), 0);
    const Cover rows(y, image.height(), height);
    for (std::int64_t row = rows.first; row <= rows.last; ++row) {
      std::int64_t* sum = sums.data();
      for (std::int64_t x = 0; x < width; ++x, sum += channels) {
        const Cover columns(x, image.width(), width);
        for (std::int64_t column = columns.first; column <= columns.last; ++column) {
          const std::int64_t weight = rows.weight(row) * columns.weight(column);
          for (std::int64_t c = 0; c < channels; ++c) sum[c] += weight * image.pixel(row, column)[c];
        }
      }
    }
    std::transform(sums.begin(), sums.end(), result.pixel(y, 0), [=](std::int64_t sum) {
      return static_cast<std::uint8_t>((2 * sum + area) / (2 * area));
    });
  }
  return result;
}

}  // namespace tilewise
