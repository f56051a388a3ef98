#pragma once

#include <zlib.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace tilewise::testing {

// PNG files byte by byte (ISO/IEC 15948), also such as no writer makes.

inline std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 255);
  return bytes;
}

/// Length, name, contents and checksum of a chunk.
inline std::string png_chunk(std::string_view name, std::string_view contents) {
  const std::string body = std::string(name) + std::string(contents);
  const uLong sum = crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return big_endian(static_cast<std::uint32_t>(contents.size())) + body +
         big_endian(static_cast<std::uint32_t>(sum));
}

inline std::string deflated(std::string_view bytes) {
  std::string packed(compressBound(static_cast<uLong>(bytes.size())), '\0');
  uLongf size = static_cast<uLongf>(packed.size());
  if (compress2(reinterpret_cast<Bytef*>(packed.data()), &size,
                reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uLong>(bytes.size()), 9) != Z_OK) {
    throw std::runtime_error("compress2");
  }
  packed.resize(size);
  return packed;
}

enum PngColour : std::uint8_t { kGrey = 0, kRgb = 2, kPalette = 3, kGreyAlpha = 4, kRgba = 6 };

struct PngHeader {
  std::uint32_t width = 1, height = 1;
  std::uint8_t bits = 8;
  PngColour colour = kGrey;
};

inline std::string png_header(const PngHeader& header) {
  std::string contents = big_endian(header.width) + big_endian(header.height);
  for (const int value : {int{header.bits}, int{header.colour}, 0, 0, 0}) {
    contents += static_cast<char>(value);
  }
  return "\x89PNG\r\n\x1a\n" + png_chunk("IHDR", contents);
}

/// A file of these rows, each after a 0, its filter; `between` are chunks before them.
inline std::string png_file(const PngHeader& header, std::string_view rows, std::string_view between = {}) {
  return png_header(header) + std::string(between) + png_chunk("IDAT", deflated(rows)) +
         png_chunk("IEND", {});
}

}  // namespace tilewise::testing
