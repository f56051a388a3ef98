#pragma once

#include <zlib.h>

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>

#include "support/temp_dir.hpp"

namespace tilewise::testing {

/// The header of an IDX file with these extents and this type of values.
inline std::string idx_header(std::initializer_list<std::uint32_t> extents,
                              unsigned char type = 0x08) {
  std::string header{'\0', '\0', static_cast<char>(type), static_cast<char>(extents.size())};
  for (const std::uint32_t extent : extents) {
    for (int shift = 24; shift >= 0; shift -= 8) header += static_cast<char>(extent >> shift & 255);
  }
  return header;
}

/// The values 0, 1, 2, ... modulo `period`.
inline std::string counting_values(std::size_t count, unsigned period = 256) {
  std::string values(count, '\0');
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<char>(i % period);
  return values;
}

/// `bytes` as a gzip file.
inline std::string gzipped(std::string_view bytes) {
  z_stream stream{};
  constexpr int kGzip = 16 + MAX_WBITS;
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::runtime_error("deflateInit2");
  }
  std::string input(bytes);
  std::string packed(deflateBound(&stream, static_cast<uLong>(input.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const int result = deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  if (result != Z_STREAM_END) throw std::runtime_error("deflate");
  return packed;
}

enum class Packing { plain, gzip };

/// Makes `path` an IDX file of unsigned bytes.
inline void write_idx(const std::filesystem::path& path,
                      std::initializer_list<std::uint32_t> extents, std::string_view values,
                      Packing packing = Packing::plain) {
  const std::string bytes = idx_header(extents) + std::string(values);
  write_bytes(path, packing == Packing::gzip ? gzipped(bytes) : bytes);
}

}  // namespace tilewise::testing
