#pragma once

#include <cstdint>
#include <filesystem>

#include "tilewise/core/aligned_buffer.hpp"
#include "tilewise/core/shape.hpp"

namespace tilewise {

/// An array of bytes as an IDX file holds it, row-major.
struct IdxArray {
  Shape shape;
  AlignedBuffer<std::uint8_t> values;
};

/// Reads an IDX file of unsigned bytes with 1 to 4 dimensions, plain or gzip-compressed (told apart
/// by content, not by name). The format, big-endian:
///
///   0x00 0x00 | type, 0x08 = unsigned byte | rank | rank x uint32 extents | values
///
/// (Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", section "File
/// formats".)
///
/// The header is not believed: a plain file has to have exactly the size that it announces, and a
/// compressed one is unpacked in steps, so that a lying header costs no more memory than real data.
///
/// Throws FileError when the file is missing, unreadable, not a regular file, not IDX, of another
/// type, has an extent of 0, is longer or shorter than its header says, or fails gzip's checksum;
/// std::bad_alloc when memory runs out.
IdxArray read_idx(const std::filesystem::path& path);

}  // namespace tilewise
