#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "tilewise/core/shape.hpp"
#include "tilewise/train/image.hpp"

namespace tilewise {

/// Reads a PNG file of any kind (ISO/IEC 15948): grey stays grey, colours and palettes become RGB, 16
/// bits become 8, gamma and colour profiles are ignored, and what is transparent shows white, as on
/// paper.
///
/// The header is not believed: pictures of more than 2^26 pixels, or more than the file's bytes can
/// unpack to, are refused before memory is taken, so that no small file takes much of it.
/// Throws FileError for that and for a file that is missing, unreadable, not PNG, damaged or truncated;
/// std::bad_alloc when memory runs out.
Image read_image(const std::filesystem::path& path);

/// The shape of what read_image would return, from the file's header alone. Throws FileError as
/// read_image does where the header shows it.
Shape read_image_shape(const std::filesystem::path& path);

/// Writes a PNG file of 8-bit grey (c = 1) or RGB (c = 3) from `bytes`, row-major (h, w, c). All or
/// nothing, see write_file_atomically.
/// Throws ShapeError when the shape is not that of an image or does not fit `bytes`, FileError when the
/// file cannot be written.
void write_png(const std::filesystem::path& path, std::int64_t height, std::int64_t width,
               std::int64_t channels, std::span<const std::uint8_t> bytes);
void write_png(const std::filesystem::path& path, const Image& image);

}  // namespace tilewise
