#include "tilewise/train/idx.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <string>

#include "support/error_matchers.hpp"
#include "support/idx_writer.hpp"
#include "support/temp_dir.hpp"
#include "tilewise/core/error.hpp"

namespace tilewise {
namespace {

using testing::counting_values;
using testing::gzipped;
using testing::idx_header;
using testing::Packing;
using testing::TempDir;
using testing::throws_line;
using testing::write_bytes;
using testing::write_idx;

std::string text_of(const IdxArray& array) {
  return {array.values.span().begin(), array.values.span().end()};
}

/// A folder, and a file in it that each test fills with something.
class IdxTest : public ::testing::Test {
 protected:
  void expect_error(const std::string& bytes, const std::string& part) {
    write_bytes(path_, bytes);
    EXPECT_THAT([&] { read_idx(path_); }, throws_line<FileError>(path_.string() + ": ", part));
  }

  /// The values of the file, or nothing if it is refused with a FileError; any other exception is a
  /// failure.
  std::optional<std::string> read_or_refuse(const std::string& bytes) {
    write_bytes(path_, bytes);
    try {
      return text_of(read_idx(path_));
    } catch (const FileError&) {
      return std::nullopt;
    }
  }

  TempDir folder_;
  std::filesystem::path path_ = folder_ / "array";
};

TEST_F(IdxTest, ReadsOneToFourDimensionsPlainAndPacked) {
  for (const Packing packing : {Packing::plain, Packing::gzip}) {
    write_idx(path_, {7}, counting_values(7), packing);
    EXPECT_EQ(read_idx(path_).shape, (Shape{7}));
    EXPECT_EQ(text_of(read_idx(path_)), counting_values(7));

    write_idx(path_, {3, 300}, counting_values(900), packing);
    EXPECT_EQ(read_idx(path_).shape, (Shape{3, 300}));
    EXPECT_EQ(text_of(read_idx(path_)), counting_values(900));

    write_idx(path_, {2, 3, 4}, counting_values(24), packing);
    EXPECT_EQ(read_idx(path_).shape, (Shape{2, 3, 4}));

    write_idx(path_, {5, 4, 3, 2}, counting_values(120), packing);
    EXPECT_EQ(read_idx(path_).shape, (Shape{5, 4, 3, 2}));
    EXPECT_EQ(text_of(read_idx(path_)), counting_values(120));
  }
}

// Large enough for several steps of memory, and no multiple of them.
TEST_F(IdxTest, ReadsLargePackedFile) {
  const std::uint32_t size = (3U << 20) + 100;
  const std::string values = counting_values(size, 251);
  write_idx(path_, {size}, values, Packing::gzip);
  EXPECT_TRUE(text_of(read_idx(path_)) == values);
}

TEST_F(IdxTest, ReadsGzipFileInSeveralMembers) {
  write_bytes(path_, gzipped(idx_header({4}) + "ab") + gzipped("cd"));
  EXPECT_EQ(text_of(read_idx(path_)), "abcd");
}

TEST_F(IdxTest, NoSuchFile) {
  EXPECT_THAT([&] { read_idx(path_); },
              throws_line<FileError>(path_.string(), "No such file or directory"));
}

TEST_F(IdxTest, Directory) {
  EXPECT_THAT([&] { read_idx(folder_.path()); },
              throws_line<FileError>(folder_.path().string(), "is a directory"));
}

TEST_F(IdxTest, UnreadableFile) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  write_idx(path_, {1}, "a");
  std::filesystem::permissions(path_, std::filesystem::perms::none);
  EXPECT_THAT([&] { read_idx(path_); },
              throws_line<FileError>(path_.string(), "Permission denied"));
}

TEST_F(IdxTest, EmptyFile) { expect_error("", "is empty, expected an IDX file"); }

TEST_F(IdxTest, WrongMagic) {
  expect_error("<!DOCTYPE html>", "starts with 0x3c21444f, expected 0x0000");
  expect_error(gzipped("\x89PNG...."), "starts with 0x89504e47, expected 0x0000");
}

TEST_F(IdxTest, WrongType) {
  expect_error(idx_header({2}, 0x0d) + "12345678", "IDX type 0x0d, expected 0x08");
}

TEST_F(IdxTest, WrongNumberOfDimensions) {
  expect_error(idx_header({}) + "a", "0 dimensions, expected 1 to 4");
  expect_error(idx_header({1, 1, 1, 1, 1}) + "a", "5 dimensions, expected 1 to 4");
  std::string header = idx_header({1});
  header[3] = '\xff';
  expect_error(header, "255 dimensions, expected 1 to 4");
}

TEST_F(IdxTest, ZeroExtent) {
  expect_error(idx_header({0, 28, 28}), "dimension 0 is 0, expected at least 1");
  expect_error(idx_header({3, 0}), "dimension 1 is 0, expected at least 1");
}

TEST_F(IdxTest, SizeThatOverflows) {
  constexpr std::uint32_t kMost = 0xFFFFFFFF;
  expect_error(idx_header({kMost, kMost, kMost}), "size overflow");
  expect_error(gzipped(idx_header({kMost, kMost, kMost, kMost})), "size overflow");
}

// Both announce a petabyte: if it were allocated on their word, this would end in std::bad_alloc.
TEST_F(IdxTest, HeaderAloneTakesNoMemory) {
  const std::string header = idx_header({1 << 20, 1 << 15, 1 << 15});
  expect_error(header + "abc",
               "truncated: ends after 3 values, expected a header of 16 bytes and "
               "(1048576, 32768, 32768) values");
  expect_error(gzipped(header + "abc"), "truncated: ends after 3 values");
}

TEST_F(IdxTest, LongerThanItsHeaderSays) {
  expect_error(idx_header({3}) + "abcd", "holds 12 bytes, more than the expected");
  expect_error(gzipped(idx_header({3}) + "abcd"), "unpacks to more than the expected");
}

TEST_F(IdxTest, GarbageAfterGzipData) {
  const std::string packed = gzipped(idx_header({3}) + "abc");
  expect_error(packed + "x", "something follows its gzip data");
  expect_error(packed + '\0', "something follows its gzip data");
  expect_error(packed + "\x1f", "truncated");
  expect_error(packed + "\x1fx", "damaged gzip data");
  expect_error(packed + packed, "unpacks to more");
}

TEST_F(IdxTest, WrongChecksum) {
  std::string packed = gzipped(idx_header({3}) + "abc");
  packed[packed.size() - 8] ^= 1;
  expect_error(packed, "damaged gzip data: incorrect data check");
  packed[packed.size() - 8] ^= 1;
  packed[packed.size() - 1] ^= 1;
  expect_error(packed, "damaged gzip data: incorrect length check");
}

TEST_F(IdxTest, RefusesEveryTruncation) {
  const std::string plain = idx_header({2, 5}) + counting_values(10);
  for (std::size_t size = 0; size < plain.size(); ++size) {
    EXPECT_EQ(read_or_refuse(plain.substr(0, size)), std::nullopt) << size;
  }
  const std::string packed = gzipped(plain);
  for (std::size_t size = 0; size < packed.size(); ++size) {
    EXPECT_EQ(read_or_refuse(packed.substr(0, size)), std::nullopt) << size;
  }
}

TEST_F(IdxTest, NoFlippedBitGivesOtherValues) {
  const std::string values = counting_values(40);
  const std::string packed = gzipped(idx_header({4, 10}) + values);
  for (std::size_t bit = 0; bit < 8 * packed.size(); ++bit) {
    std::string damaged = packed;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    // Some bits of gzip's header mean nothing here, such as the time.
    EXPECT_EQ(read_or_refuse(damaged).value_or(values), values) << bit;
  }
}

}  // namespace
}  // namespace tilewise
