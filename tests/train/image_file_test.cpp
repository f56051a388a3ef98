#include "tilewise/train/image_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "support/error_matchers.hpp"
#include "support/file_size_limit.hpp"
#include "support/png_writer.hpp"
#include "support/temp_dir.hpp"
#include "tilewise/core/error.hpp"

namespace tilewise {
namespace {

using ::testing::ElementsAre;
using testing::deflated;
using testing::png_chunk;
using testing::png_file;
using testing::png_header;
using testing::PngHeader;
using testing::read_bytes;
using testing::TempDir;
using testing::throws_line;
using testing::write_bytes;

std::vector<int> values_of(const Image& image) {
  return {image.bytes.span().begin(), image.bytes.span().end()};
}

class ImageFileTest : public ::testing::Test {
 protected:
  Image read(const std::string& bytes) {
    write_bytes(path_, bytes);
    Image image = read_image(path_);
    EXPECT_EQ(read_image_shape(path_), image.shape);
    return image;
  }
  void expect_error(const std::string& bytes, const std::string& part) {
    write_bytes(path_, bytes);
    EXPECT_THAT([&] { read_image(path_); }, throws_line<FileError>(path_.string() + ": ", part));
  }
  /// Whether the file is read; false if it is refused with a FileError; other exceptions pass.
  bool is_read(const std::string& bytes) {
    write_bytes(path_, bytes);
    try {
      read_image(path_);
      return true;
    } catch (const FileError&) {
      return false;
    }
  }

  TempDir folder_;
  std::filesystem::path path_ = folder_ / "picture.png";
};

TEST_F(ImageFileTest, ReadsWhatItWrote) {
  for (const std::int64_t channels : {1, 3}) {
    Image image(37, 23, channels);
    for (std::int64_t i = 0; i < image.bytes.size(); ++i) image.bytes[i] = static_cast<std::uint8_t>(i * 7);
    write_png(path_, image);
    const Image read = read_image(path_);
    EXPECT_EQ(read.shape, image.shape);
    EXPECT_EQ(values_of(read), values_of(image));
  }
}

TEST_F(ImageFileTest, ReadsGreyOfEveryDepth) {
  EXPECT_THAT(values_of(read(png_file({.width = 3, .bits = 1}, std::string("\0\xa0", 2)))),
              ElementsAre(255, 0, 255));
  EXPECT_THAT(values_of(read(png_file({.width = 2, .bits = 4}, std::string("\0\x1f", 2)))),
              ElementsAre(17, 255));
  EXPECT_THAT(values_of(read(png_file({.width = 2, .bits = 16}, std::string("\0\x80\x80\xff\xff", 5)))),
              ElementsAre(128, 255));
  EXPECT_EQ(read(png_file({.width = 2, .bits = 16}, std::string("\0\x80\x80\xff\xff", 5))).shape,
            (Shape{1, 2, 1}));
}

TEST_F(ImageFileTest, ReadsColoursAndPalettes) {
  const Image rgb = read(png_file({.width = 1, .height = 2, .colour = testing::kRgb},
                                  std::string("\0\1\2\3\0\4\5\6", 8)));
  EXPECT_EQ(rgb.shape, (Shape{2, 1, 3}));
  EXPECT_THAT(values_of(rgb), ElementsAre(1, 2, 3, 4, 5, 6));
  const Image indexed = read(png_file({.width = 2, .bits = 8, .colour = testing::kPalette},
                                      std::string("\0\1\0", 3), png_chunk("PLTE", "abcdef")));
  EXPECT_THAT(values_of(indexed), ElementsAre('d', 'e', 'f', 'a', 'b', 'c'));
}

TEST_F(ImageFileTest, TransparentIsWhite) {
  EXPECT_THAT(values_of(read(png_file({.width = 3, .colour = testing::kGreyAlpha},
                                      std::string("\0\x0a\xff\x0a\0\0\x80", 7)))),
              ElementsAre(10, 255, 127));
  EXPECT_THAT(values_of(read(png_file({.colour = testing::kRgba}, std::string("\0\1\2\3\xff", 5)))),
              ElementsAre(1, 2, 3));
  // A transparent colour, and one of a palette.
  EXPECT_THAT(values_of(read(png_file({.width = 2}, std::string("\0\5\6", 3),
                                      png_chunk("tRNS", std::string("\0\5", 2))))),
              ElementsAre(255, 6));
  EXPECT_THAT(values_of(read(png_file({.width = 2, .colour = testing::kPalette}, std::string("\0\0\1", 3),
                                      png_chunk("PLTE", "abcdef") + png_chunk("tRNS", std::string("\0", 1))))),
              ElementsAre(255, 255, 255, 'd', 'e', 'f'));
}

TEST_F(ImageFileTest, IgnoresGammaAndUnknownChunks) {
  const std::string chunks = png_chunk("gAMA", testing::big_endian(22727)) + png_chunk("teSt", "whatever");
  EXPECT_THAT(values_of(read(png_file({.width = 2}, std::string("\0\x32\x64", 3), chunks))),
              ElementsAre(50, 100));
}

TEST_F(ImageFileTest, NotAFile) {
  EXPECT_THAT([&] { read_image(path_); },
              throws_line<FileError>(path_.string(), "No such file or directory"));
  EXPECT_THAT([&] { read_image(folder_.path()); },
              throws_line<FileError>(folder_.path().string(), "is a directory, expected a file"));
}

TEST_F(ImageFileTest, NotPng) {
  expect_error("", "is empty, expected a PNG image");
  expect_error("\xff\xd8\xff\xe0 a JPEG", "starts with 0xffd8ffe02061204a, expected 0x89504e470d0a1a0a");
  expect_error("GIF", "starts with 0x474946, expected 0x89504e47");
  // As a transfer that takes it for text leaves it.
  expect_error("\x89PNG\n\x1a\n and so on", "not a PNG image");
}

TEST_F(ImageFileTest, TruncatedOrDamaged) {
  const std::string whole = png_file({.width = 5, .height = 4}, std::string(24, '\0'));
  ASSERT_TRUE(is_read(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(is_read(whole.substr(0, size))) << size;
  }
  expect_error(whole.substr(0, 20), "20 bytes without a whole header");
  expect_error(whole.substr(0, whole.size() - 5), "truncated");
  std::string other = whole;
  other[12] = 'X';
  expect_error(other, "without a whole header");
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const int change : {1, 0x80, 0xff}) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(damaged[i] ^ change);
      EXPECT_NO_THROW(is_read(damaged)) << i;
    }
  }
}

TEST_F(ImageFileTest, DataThatDoesNotFitTheHeader) {
  expect_error(png_file({.width = 5, .height = 4}, std::string(10, '\0')), "damaged PNG image");
  expect_error(png_header({}) + png_chunk("IEND", {}), "damaged PNG image");
  expect_error(png_file({.bits = 3}, std::string(2, '\0')), "damaged PNG image");
  expect_error(png_file({.colour = testing::kPalette}, std::string(2, '\0')), "damaged PNG image");
}

TEST_F(ImageFileTest, SizesAreNotBelieved) {
  expect_error(png_file({.width = 0}, "\0"), "announces 0 x 1 pixels, expected at least 1");
  expect_error(png_file({.width = 0x7fffffff, .height = 0x7fffffff}, "\0"),
               "announces 2147483647 x 2147483647 pixels, expected at least 1 and at most 67108864");
  expect_error(png_file({.width = 0xffffffff, .height = 1}, "\0"), "4294967295 x 1 pixels");
  expect_error(png_file({.width = 8192, .height = 8192}, "\0"), "bytes cannot hold as many");
}

// A quarter of a megabyte that unpacks to 256 megabytes, correctly.
TEST_F(ImageFileTest, RefusesDecompressionBombs) {
  constexpr int kSize = 1 << 14;
  const std::string bomb = png_file({.width = kSize, .height = kSize}, std::string(kSize * (kSize + 1), '\0'));
  EXPECT_LT(bomb.size(), 300'000U);
  expect_error(bomb, "announces 16384 x 16384 pixels, expected at least 1 and at most 67108864");
}

TEST_F(ImageFileTest, WriteChecksItsArguments) {
  const std::vector<std::uint8_t> bytes(12);
  EXPECT_THAT([&] { write_png(path_, 2, 3, 2, bytes); }, throws_line<ShapeError>("(2, 3, 2)", "c 1 or 3"));
  EXPECT_THAT([&] { write_png(path_, 0, 3, 1, {}); }, throws_line<ShapeError>("(0, 3, 1)"));
  EXPECT_THAT([&] { write_png(path_, 2, 2, 1, bytes); }, throws_line<ShapeError>("12 bytes", "(2, 2, 1)"));
  EXPECT_THAT([&] { write_png(folder_ / "none" / "a.png", 2, 2, 3, bytes); },
              throws_line<FileError>("none/a.png: cannot write"));
}

TEST_F(ImageFileTest, FailedWriteLeavesTheOldFile) {
  write_png(path_, Image(1, 1, 1));
  const std::string old = read_bytes(path_);
  {
    const testing::FileSizeLimit limit(10);
    EXPECT_THAT([&] { write_png(path_, Image(100, 100, 3)); },
                throws_line<FileError>(path_.string() + ": cannot write: "));
  }
  EXPECT_EQ(read_bytes(path_), old);
  EXPECT_THAT(folder_.names(), ElementsAre("picture.png"));
}

}  // namespace
}  // namespace tilewise
