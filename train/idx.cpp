#include "tilewise/train/idx.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <new>
#include <span>
#include <string>
#include <vector>

#include "tilewise/core/error.hpp"
#include "tilewise/train/hexadecimal.hpp"
#include "tilewise/train/posix_file.hpp"

namespace tilewise {
namespace {

constexpr int kMaxDimensions = 4;
constexpr std::uint8_t kUnsignedByte = 0x08;

/// Memory that a compressed file gets on the word of its header; from there on it has to have
/// filled what it has before it gets as much again.
constexpr std::int64_t kFirstStepBytes = std::int64_t{1} << 20;

/// The bytes of the IDX file proper, in order.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Fills `out`; returns how many bytes, fewer than asked only at the end. Throws FileError.
  virtual std::int64_t read(std::span<std::uint8_t> out) = 0;
};

class PlainSource final : public ByteSource {
 public:
  explicit PlainSource(const PosixFile& file) : file_(file) {}

  std::int64_t read(std::span<std::uint8_t> out) override {
    const std::int64_t count = file_.read_at(offset_, std::as_writable_bytes(out));
    offset_ += count;
    return count;
  }

 private:
  const PosixFile& file_;
  std::int64_t offset_ = 0;
};

/// What a gzip file unpacks to. Not by zlib's gzread, which ignores what follows the packed data.
class GzipSource final : public ByteSource {
 public:
  explicit GzipSource(const PosixFile& file) : file_(file), input_(std::size_t{1} << 16) {
    constexpr int kGzipWithLargestWindow = 16 + MAX_WBITS;
    if (inflateInit2(&stream_, kGzipWithLargestWindow) != Z_OK) throw std::bad_alloc();
  }
  ~GzipSource() override { inflateEnd(&stream_); }
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;

  std::int64_t read(std::span<std::uint8_t> out) override {
    std::size_t done = 0;
    while (done < out.size() && has_input()) {
      if (member_ended_) start_next_member();
      constexpr std::size_t kMostAtOnce = std::size_t{1} << 30;  // zlib counts in unsigned int
      const std::size_t wanted = std::min(out.size() - done, kMostAtOnce);
      stream_.next_out = out.data() + done;
      stream_.avail_out = static_cast<uInt>(wanted);
      const int result = inflate(&stream_, Z_NO_FLUSH);
      done += wanted - stream_.avail_out;
      member_ended_ = result == Z_STREAM_END;
      if (result == Z_MEM_ERROR) throw std::bad_alloc();
      // Z_BUF_ERROR only says that this piece of input made no output.
      if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
        const char* detail = stream_.msg != nullptr ? stream_.msg : "unsupported";
        throw_file_error(file_.shown_as(), std::string("damaged gzip data: ") + detail);
      }
    }
    return static_cast<std::int64_t>(done);
  }

 private:
  /// Makes sure that there is compressed input; false at a proper end of the file.
  bool has_input() {
    if (stream_.avail_in > 0) return true;
    const std::int64_t count = file_.read_at(offset_, std::as_writable_bytes(std::span(input_)));
    offset_ += count;
    stream_.next_in = input_.data();
    stream_.avail_in = static_cast<uInt>(count);
    if (count == 0 && !member_ended_) {
      throw_file_error(file_.shown_as(), "truncated: its gzip data has no end");
    }
    return count > 0;
  }

  /// RFC 1952, section 2.2: a gzip file may be several, one after the other.
  void start_next_member() {
    constexpr Bytef kMagic = 0x1f;
    if (*stream_.next_in != kMagic) {
      throw_file_error(file_.shown_as(), "something follows its gzip data, expected nothing");
    }
    inflateReset(&stream_);
    member_ended_ = false;
  }

  const PosixFile& file_;
  std::int64_t offset_ = 0;
  std::vector<Bytef> input_;
  z_stream stream_{};
  bool member_ended_ = false;
};

std::int64_t header_bytes(const Shape& shape) { return 4 + 4 * std::int64_t{shape.rank()}; }

/// "a header of 16 bytes and (60000, 28, 28) values"
std::string announced(const Shape& shape) {
  return "a header of " + std::to_string(header_bytes(shape)) + " bytes and " + shape.to_string() +
         " values";
}

void read_header_bytes(ByteSource& source, std::span<std::uint8_t> bytes,
                       const std::filesystem::path& path) {
  if (source.read(bytes) < static_cast<std::int64_t>(bytes.size())) {
    throw_file_error(path, "ends within its header, expected an IDX file");
  }
}

Shape read_header(ByteSource& source, const std::filesystem::path& path) {
  std::array<std::uint8_t, 4> magic{};
  read_header_bytes(source, magic, path);
  if (magic[0] != 0 || magic[1] != 0) {
    throw_file_error(path, "not an IDX file: starts with " + hexadecimal(magic) +
                               ", expected 0x0000 and a type");
  }
  if (magic[2] != kUnsignedByte) {
    throw_file_error(path, "values of IDX type " + hexadecimal({&magic[2], 1}) +
                               ", expected 0x08 (unsigned bytes)");
  }
  const int rank = magic[3];
  if (rank < 1 || rank > kMaxDimensions) {
    throw_file_error(path, std::to_string(rank) + " dimensions, expected 1 to " +
                               std::to_string(kMaxDimensions));
  }

  std::array<std::int64_t, kMaxDimensions> extents{};
  for (int axis = 0; axis < rank; ++axis) {
    std::array<std::uint8_t, 4> big_endian{};
    read_header_bytes(source, big_endian, path);
    std::int64_t extent = 0;
    for (const std::uint8_t byte : big_endian) extent = extent << 8 | byte;
    if (extent == 0) {
      throw_file_error(path, "dimension " + std::to_string(axis) + " is 0, expected at least 1");
    }
    extents[static_cast<std::size_t>(axis)] = extent;
  }
  try {
    return Shape(std::span<const std::int64_t>(extents.data(), static_cast<std::size_t>(rank)));
  } catch (const ShapeError& error) {
    throw_file_error(path, error.what());
  }
}

[[noreturn]] void throw_truncated(const std::filesystem::path& path, std::int64_t values,
                                  const Shape& shape) {
  throw_file_error(path, "truncated: ends after " + std::to_string(values) + " values, expected " +
                             announced(shape));
}

AlignedBuffer<std::uint8_t> read_plain_values(PlainSource& source, const PosixFile& file,
                                              const Shape& shape) {
  const std::int64_t present = file.size() - header_bytes(shape);
  if (present < shape.elements()) throw_truncated(file.shown_as(), present, shape);
  if (present > shape.elements()) {
    throw_file_error(file.shown_as(), "holds " + std::to_string(file.size()) +
                                          " bytes, more than the expected " + announced(shape));
  }
  AlignedBuffer<std::uint8_t> values(shape.elements());
  const std::int64_t count = source.read(values.span());
  if (count < values.size()) throw_truncated(file.shown_as(), count, shape);
  return values;
}

AlignedBuffer<std::uint8_t> read_gzip_values(GzipSource& source, const std::filesystem::path& path,
                                             const Shape& shape) {
  const std::int64_t total = shape.elements();
  AlignedBuffer<std::uint8_t> values(std::min(total, kFirstStepBytes));
  std::int64_t filled = 0;
  for (;;) {
    filled += source.read(values.span().subspan(static_cast<std::size_t>(filled)));
    if (filled < values.size()) throw_truncated(path, filled, shape);
    if (filled == total) break;
    AlignedBuffer<std::uint8_t> grown(filled + std::min(filled, total - filled));
    std::memcpy(grown.data(), values.data(), static_cast<std::size_t>(filled));
    values = std::move(grown);
  }
  // Also makes zlib come to the end of its stream, where the checksum is.
  std::uint8_t excess = 0;
  if (source.read({&excess, 1}) != 0) {
    throw_file_error(path, "unpacks to more than the expected " + announced(shape));
  }
  return values;
}

bool is_gzip(const PosixFile& file) {
  std::array<std::byte, 2> start{};
  file.read_at(0, start);
  return start == std::array{std::byte{0x1f}, std::byte{0x8b}};
}

}  // namespace

IdxArray read_idx(const std::filesystem::path& path) {
  const PosixFile file(path, PosixFile::Mode::read);
  if (file.size() == 0) throw_file_error(path, "is empty, expected an IDX file");
  if (is_gzip(file)) {
    GzipSource source(file);
    const Shape shape = read_header(source, path);
    return {shape, read_gzip_values(source, path, shape)};
  }
  PlainSource source(file);
  const Shape shape = read_header(source, path);
  return {shape, read_plain_values(source, file, shape)};
}

}  // namespace tilewise
