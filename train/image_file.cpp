#include "tilewise/train/image_file.hpp"

#include <png.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstddef>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "tilewise/core/error.hpp"
#include "tilewise/train/atomic_file.hpp"
#include "tilewise/train/hexadecimal.hpp"
#include "tilewise/train/posix_file.hpp"

namespace tilewise {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMaxPixels = std::int64_t{1} << 26;
constexpr std::int64_t kMaxSide = 1'000'000;  // libpng's own limit
/// Deflate packs at most 258 bytes into 2 bits.
constexpr std::int64_t kMaxPacking = 1032;
constexpr std::array<std::uint8_t, 8> kSignature{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
/// Signature, length and name of the chunk IHDR, its 13 bytes, and their checksum.
constexpr std::int64_t kHeaderBytes = 8 + 8 + 13 + 4;

// --- The header ---------------------------------------------------------------------------------

/// Throws FileError unless `file` begins like a PNG file; returns the picture's shape.
Shape read_header(const PosixFile& file) {
  const fs::path& path = file.shown_as();
  const std::int64_t file_bytes = file.size();
  if (file_bytes == 0) throw_file_error(path, "is empty, expected a PNG image");
  std::array<std::uint8_t, kHeaderBytes> header{};
  const std::int64_t count = file.read_at(0, std::as_writable_bytes(std::span(header)));
  const auto start = std::span(header).first(static_cast<std::size_t>(std::min<std::int64_t>(count, 8)));
  if (!std::ranges::equal(start, std::span(kSignature).first(start.size()))) {
    throw_file_error(path, "not a PNG image: starts with " + hexadecimal(start) + ", expected " +
                               hexadecimal(kSignature));
  }
  if (count < kHeaderBytes || std::memcmp(header.data() + 12, "IHDR", 4) != 0) {
    throw_file_error(path, "truncated or damaged: " + std::to_string(file_bytes) +
                               " bytes without a whole header, expected a PNG image");
  }
  const auto big_endian = [&](std::size_t at) {
    std::int64_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8 | header[at + i];
    return value;
  };
  const std::int64_t width = big_endian(16), height = big_endian(20);
  const std::int64_t bits = header[24];
  constexpr std::uint8_t kColour = 2;  // a bit of the colour type
  const std::string sides = std::to_string(width) + " x " + std::to_string(height) + " pixels";
  if (width < 1 || height < 1 || width > kMaxSide || height > kMaxSide || width * height > kMaxPixels) {
    throw_file_error(path, "announces " + sides + ", expected at least 1 and at most " +
                               std::to_string(kMaxPixels) + " pixels, no side over " +
                               std::to_string(kMaxSide));
  }
  if (width * height * std::min<std::int64_t>(bits, 8) / 8 > kMaxPacking * file_bytes) {
    throw_file_error(path, "announces " + sides + ", but its " + std::to_string(file_bytes) +
                               " bytes cannot hold as many: truncated, or made to take memory");
  }
  return {height, width, (header[25] & kColour) != 0 ? 3 : 1};
}

// --- Reading ------------------------------------------------------------------------------------
// libpng reports errors by longjmp, which skips destructors: between setjmp in run_guarded() and whatever
// may fail there are only functions whose variables have none.

struct Png {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::span<const std::byte> input;  ///< what is left to read
  char problem[128] = {};
};

[[noreturn]] void on_error(png_structp png, png_const_charp message) {
  Png& state = *static_cast<Png*>(png_get_error_ptr(png));
  std::strncpy(state.problem, message, sizeof(state.problem) - 1);
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}  // what can be read is read

void read_input(png_structp png, png_bytep bytes, std::size_t count) {
  Png& state = *static_cast<Png*>(png_get_io_ptr(png));
  if (count > state.input.size()) png_error(png, "truncated, the file ends too early");
  std::memcpy(bytes, state.input.data(), count);
  state.input = state.input.subspan(count);
}

/// Whether body(state, rows) came to its end.
bool run_guarded(Png& state, void (*body)(Png& state, png_bytep* rows), png_bytep* rows) {
  if (setjmp(png_jmpbuf(state.png)) != 0) return false;
  body(state, rows);
  return true;
}

void start_reading(Png& state, png_bytep*) {
  png_set_read_fn(state.png, &state, read_input);
  png_read_info(state.png, state.info);
  png_set_expand(state.png);
  png_set_scale_16(state.png);
  png_set_interlace_handling(state.png);
  png_read_update_info(state.png, state.info);
}

void read_rows(Png& state, png_bytep* rows) {
  png_read_image(state.png, rows);
  png_read_end(state.png, nullptr);
}

class PngReader {
 public:
  PngReader(const fs::path& path, std::span<const std::byte> file) : path_(path) {
    state_.input = file;
    state_.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &state_, on_error, on_warning);
    if (state_.png != nullptr) state_.info = png_create_info_struct(state_.png);
    if (state_.info == nullptr) {
      png_destroy_read_struct(&state_.png, nullptr, nullptr);
      throw std::bad_alloc();
    }
  }
  ~PngReader() { png_destroy_read_struct(&state_.png, &state_.info, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  /// The picture, which has to have the shape that the header announces.
  Image read(const Shape& announced) {
    if (!run_guarded(state_, start_reading, nullptr)) fail();
    const std::int64_t height = png_get_image_height(state_.png, state_.info);
    const std::int64_t width = png_get_image_width(state_.png, state_.info);
    const std::int64_t samples = png_get_channels(state_.png, state_.info);
    const bool has_alpha = samples == 2 || samples == 4;
    const Shape found{height, width, samples - (has_alpha ? 1 : 0)};
    if (found != announced) {
      throw_file_error(path_, "damaged: unpacks to " + found.to_string() + ", expected " +
                                  announced.to_string());
    }
    Image image(height, width, found[2]);
    if (has_alpha) {
      AlignedBuffer<std::uint8_t> bytes(checked_product(height * width, samples));
      unpack(bytes.data(), height, width * samples);
      blend_with_white(height * width, samples, bytes.data(), image.bytes.data());
    } else {
      unpack(image.bytes.data(), height, width * samples);
    }
    return image;
  }

 private:
  void unpack(std::uint8_t* bytes, std::int64_t height, std::int64_t row_bytes) {
    std::vector<png_bytep> rows;
    rows.reserve(static_cast<std::size_t>(height));
    for (std::int64_t y = 0; y < height; ++y) rows.push_back(bytes + y * row_bytes);
    if (!run_guarded(state_, read_rows, rows.data())) fail();
  }

  /// The last of `samples` bytes a pixel is its opacity.
  static void blend_with_white(std::int64_t pixels, std::int64_t samples, const std::uint8_t* src,
                               std::uint8_t* dst) {
    for (std::int64_t i = 0; i < pixels; ++i, src += samples) {
      const int opacity = src[samples - 1];
      for (std::int64_t c = 0; c < samples - 1; ++c) {
        *dst++ = static_cast<std::uint8_t>((src[c] * opacity + 255 * (255 - opacity) + 127) / 255);
      }
    }
  }

  [[noreturn]] void fail() const {
    throw_file_error(path_, std::string("damaged PNG image: ") + state_.problem);
  }

  const fs::path& path_;
  Png state_;
};

}  // namespace

Image read_image(const fs::path& path) {
  const PosixFile file(path, PosixFile::Mode::read);
  const Shape shape = read_header(file);
  std::vector<std::byte> bytes(static_cast<std::size_t>(file.size()));
  if (file.read_at(0, bytes) != static_cast<std::int64_t>(bytes.size())) {
    throw_file_error(path, "truncated while it was read");
  }
  return PngReader(path, bytes).read(shape);
}

Shape read_image_shape(const fs::path& path) {
  return read_header(PosixFile(path, PosixFile::Mode::read));
}

void write_png(const fs::path& path, std::int64_t height, std::int64_t width, std::int64_t channels,
               std::span<const std::uint8_t> bytes) {
  const Shape shape{height, width, channels};
  if (std::min(height, width) < 1 || std::max(height, width) > kMaxSide ||
      height * width > kMaxPixels || (channels != 1 && channels != 3)) {
    throw ShapeError("image of shape " + shape.to_string() + ": expected (h, w, c), c 1 or 3, and 1 to " +
                     std::to_string(kMaxPixels) + " pixels");
  }
  if (static_cast<std::int64_t>(bytes.size()) != shape.elements()) {
    throw ShapeError("image: " + std::to_string(bytes.size()) + " bytes, expected " + shape.to_string());
  }
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(width);
  png.height = static_cast<png_uint_32>(height);
  png.format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
  std::vector<std::byte> file(size);
  if (png_image_write_to_memory(&png, file.data(), &size, 0, bytes.data(), 0, nullptr) == 0) {
    throw_file_error(path, std::string("cannot be made: ") + png.message);
  }
  const auto part = std::span<const std::byte>(file).first(size);
  write_file_atomically(path, std::span(&part, 1));
}

void write_png(const fs::path& path, const Image& image) {
  write_png(path, image.height(), image.width(), image.channels(), image.bytes.span());
}

}  // namespace tilewise
