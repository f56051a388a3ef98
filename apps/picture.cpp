#include "apps/picture.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "tilewise/core/error.hpp"
#include "tilewise/train/image_file.hpp"
#include "tilewise/train/posix_file.hpp"

namespace tilewise::app {
namespace {

Image prepare(Image picture, const Shape& shape, const PictureOptions& options) {
  if (!options.raw && shape[0] == shape[1] && shape[2] == 1) {
    // MNIST's box is 20 of 28 pixels.
    const std::int64_t box = std::max<std::int64_t>(1, shape[0] * 20 / 28);
    return digit_image(picture, {.ink = options.ink, .size = shape[0], .box = box});
  }
  Image image = resize_image(convert_channels(picture, shape[2]), shape[0], shape[1]);
  if (options.ink == Ink::dark) {
    for (std::uint8_t& byte : image.bytes.span()) byte = static_cast<std::uint8_t>(255 - byte);
  }
  return image;
}

}  // namespace

Dataset read_pictures(const std::vector<std::string>& paths, const Shape& image_shape,
                      const PictureOptions& options) {
  if (image_shape.rank() != 3 || (image_shape[2] != 1 && image_shape[2] != 3)) {
    throw ArgumentError("the network takes " + image_shape.to_string() +
                        ", no pictures: expected (height, width, 1 or 3)");
  }
  const auto count = static_cast<std::int64_t>(paths.size());
  AlignedBuffer<std::uint8_t> pixels(checked_product(count, image_shape.elements()));
  std::uint8_t* next = pixels.data();
  for (const std::string& path : paths) {
    try {
      const Image image = prepare(read_image(path), image_shape, options);
      next = std::ranges::copy(image.bytes.span(), next).out;
    } catch (const ArgumentError& error) {
      throw_file_error(path, error.what());
    }
  }
  return Dataset(image_shape, 1, std::move(pixels), std::vector<std::int32_t>(paths.size()));
}

}  // namespace tilewise::app
