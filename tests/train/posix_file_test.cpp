#include "tilewise/train/posix_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"
#include "tilewise/core/error.hpp"

namespace tilewise {
namespace {

using testing::read_bytes;
using testing::TempDir;
using testing::throws_line;
using testing::write_bytes;

using Mode = PosixFile::Mode;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

TEST(PosixFileTest, ReadsFromAnyOffsetAndStopsAtTheEnd) {
  const TempDir folder;
  write_bytes(folder / "file", "0123456789");
  const PosixFile file(folder / "file", Mode::read);
  EXPECT_TRUE(file.is_regular());
  EXPECT_EQ(file.size(), 10);

  std::string text(4, '?');
  const auto bytes = std::as_writable_bytes(std::span(text));
  EXPECT_EQ(file.read_at(3, bytes), 4);
  EXPECT_EQ(text, "3456");
  EXPECT_EQ(file.read_at(8, bytes), 2);
  EXPECT_EQ(text, "8956");
  EXPECT_EQ(file.read_at(10, bytes), 0);
}

TEST(PosixFileTest, WritesAreInTheFileAtOnce) {
  const TempDir folder;
  PosixFile file(folder / "file", Mode::create_new);
  file.write(bytes_of("one "));
  file.write(bytes_of(""));
  file.write(bytes_of("two"));
  EXPECT_EQ(read_bytes(folder / "file"), "one two");
  file.try_truncate(3);
  EXPECT_EQ(read_bytes(folder / "file"), "one");
  file.sync();
  file.close();
  file.close();
}

TEST(PosixFileTest, CreateNewRefusesWhatExists) {
  const TempDir folder;
  write_bytes(folder / "file", "old");
  EXPECT_THAT([&] { PosixFile(folder / "file", Mode::create_new); },
              throws_line<FileError>((folder / "file").string(), "cannot write", "File exists"));
  EXPECT_EQ(read_bytes(folder / "file"), "old");
}

TEST(PosixFileTest, AppendKeepsWhatIsThere) {
  const TempDir folder;
  write_bytes(folder / "file", "old");
  PosixFile file(folder / "file", Mode::append);
  std::array<std::byte, 1> first{};
  EXPECT_EQ(file.read_at(0, first), 1);
  file.write(bytes_of(" new"));
  EXPECT_EQ(read_bytes(folder / "file"), "old new");
}

TEST(PosixFileTest, MovedFromClosesNothing) {
  const TempDir folder;
  PosixFile first(folder / "file", Mode::create_new);
  {
    PosixFile second(std::move(first));
    second.write(bytes_of("a"));
  }
  EXPECT_EQ(read_bytes(folder / "file"), "a");
}

TEST(PosixFileTest, MissingFile) {
  const TempDir folder;
  EXPECT_THAT(
      [&] { PosixFile(folder / "none", Mode::read); },
      throws_line<FileError>((folder / "none").string(), "cannot open: No such file or directory"));
}

TEST(PosixFileTest, MessagesNameWhatTheyAreToldTo) {
  const TempDir folder;
  EXPECT_THAT([&] { PosixFile(folder / "none" / "temporary", Mode::create_new, "result.txt"); },
              throws_line<FileError>("result.txt: cannot write: No such file or directory"));
}

TEST(PosixFileTest, OnlyRegularFilesAreRead) {
  const TempDir folder;
  EXPECT_THAT([&] { PosixFile(folder.path(), Mode::read); },
              throws_line<FileError>(folder.path().string(), "is a directory, expected a file"));
  EXPECT_THAT([] { PosixFile("/dev/zero", Mode::read); },
              throws_line<FileError>("/dev/zero", "is not a regular file"));
  // Nobody writes to this pipe: a plain open() would wait for ever.
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_THAT([&] { PosixFile(folder / "pipe", Mode::read); },
              throws_line<FileError>((folder / "pipe").string(), "is not a regular file"));
}

TEST(PosixFileTest, UnreadableFile) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  const TempDir folder;
  write_bytes(folder / "file", "secret");
  std::filesystem::permissions(folder / "file", std::filesystem::perms::none);
  EXPECT_THAT([&] { PosixFile(folder / "file", Mode::read); },
              throws_line<FileError>((folder / "file").string(), "Permission denied"));
}

TEST(PosixFileTest, OneHolderOfALock) {
  const TempDir folder;
  PosixFile first(folder / "file", PosixFile::Mode::append);
  PosixFile second(folder / "file", PosixFile::Mode::read);
  EXPECT_TRUE(first.try_lock());
  EXPECT_FALSE(second.try_lock());
  first.close();
  EXPECT_TRUE(second.try_lock());
}

TEST(PosixFileTest, Truncates) {
  const TempDir folder;
  write_bytes(folder / "file", "text");
  PosixFile(folder / "file", PosixFile::Mode::append).truncate(2);
  EXPECT_EQ(read_bytes(folder / "file"), "te");
  EXPECT_THAT([&] { PosixFile(folder / "file", PosixFile::Mode::read).truncate(1); },
              throws_line<FileError>((folder / "file").string() + ": cannot write: "));
}

TEST(PosixFileTest, FullDisk) {
  PosixFile file("/dev/full", Mode::append);
  EXPECT_FALSE(file.is_regular());
  EXPECT_THAT([&] { file.write(bytes_of("text")); },
              throws_line<FileError>("/dev/full: cannot write: No space left on device"));
  EXPECT_NO_THROW(file.sync());
}

}  // namespace
}  // namespace tilewise
