#include "tilewise/train/atomic_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "support/error_matchers.hpp"
#include "support/file_size_limit.hpp"
#include "support/temp_dir.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/train/posix_file.hpp"

namespace tilewise {
namespace {

namespace fs = std::filesystem;

using ::testing::AnyOf;
using ::testing::ElementsAre;
using testing::FileSizeLimit;
using ::testing::IsEmpty;
using testing::read_bytes;
using testing::TempDir;
using testing::throws_line;
using testing::write_bytes;

TEST(AtomicFileTest, WritesPartsInOrder) {
  const TempDir folder;
  const std::string first = "one";
  const std::array<float, 2> second{1.0F, -2.0F};
  const std::array<std::span<const std::byte>, 3> parts{std::as_bytes(std::span(first)), {},
                                                        std::as_bytes(std::span(second))};
  write_file_atomically(folder / "file", parts);
  EXPECT_EQ(read_bytes(folder / "file"), std::string("one\x00\x00\x80\x3f\x00\x00\x00\xc0", 11));
  EXPECT_THAT(folder.names(), ElementsAre("file"));
}

TEST(AtomicFileTest, ReplacesAnOldFile) {
  const TempDir folder;
  write_bytes(folder / "file", "a long old text");
  write_file_atomically(folder / "file", "new");
  EXPECT_EQ(read_bytes(folder / "file"), "new");
  write_file_atomically(folder / "file", "");
  EXPECT_EQ(read_bytes(folder / "file"), "");
  EXPECT_THAT(folder.names(), ElementsAre("file"));
}

TEST(AtomicFileTest, WritesIntoTheCurrentFolder) {
  const TempDir folder;
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  EXPECT_NO_THROW(write_file_atomically("file", "text"));
  fs::current_path(before);
  EXPECT_EQ(read_bytes(folder / "file"), "text");
}

TEST(AtomicFileTest, TakesTheLongestNames) {
  const TempDir folder;
  const std::string name(255, 'n');
  write_file_atomically(folder / name, "text");
  EXPECT_EQ(read_bytes(folder / name), "text");
}

TEST(AtomicFileTest, KeepsPermissions) {
  const TempDir folder;
  write_bytes(folder / "file", "old");
  fs::permissions(folder / "file", fs::perms(0640));
  write_file_atomically(folder / "file", "new");
  EXPECT_EQ(fs::status(folder / "file").permissions(), fs::perms(0640));
}

TEST(AtomicFileTest, NewFileHasTheUsualPermissions) {
  const TempDir folder;
  write_bytes(folder / "usual", "");
  write_file_atomically(folder / "file", "");
  EXPECT_EQ(fs::status(folder / "file").permissions(), fs::status(folder / "usual").permissions());
}

TEST(AtomicFileTest, LinkStaysALink) {
  const TempDir folder;
  fs::create_directory(folder / "elsewhere");
  write_bytes(folder / "elsewhere/file", "old");
  fs::create_symlink("elsewhere/file", folder / "link");
  write_file_atomically(folder / "link", "new");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(read_bytes(folder / "elsewhere/file"), "new");
}

// The limit stops the write in the middle, as a full disk does: /dev/full cannot be renamed over.
TEST(AtomicFileTest, FailedWriteLeavesTheOldFileAndNothingElse) {
  const TempDir folder;
  write_bytes(folder / "file", "old");
  {
    const FileSizeLimit limit(10);
    EXPECT_THAT([&] { write_file_atomically(folder / "file", "more than ten bytes"); },
                throws_line<FileError>((folder / "file").string() + ": cannot write: "));
    EXPECT_THAT([&] { write_file_atomically(folder / "new", "more than ten bytes"); },
                throws_line<FileError>((folder / "new").string() + ": cannot write: "));
  }
  EXPECT_EQ(read_bytes(folder / "file"), "old");
  EXPECT_THAT(folder.names(), ElementsAre("file"));
}

TEST(AtomicFileTest, NoSuchFolder) {
  const TempDir folder;
  EXPECT_THAT([&] { write_file_atomically(folder / "none" / "file", "text"); },
              throws_line<FileError>((folder / "none" / "file").string(),
                                     "cannot write: No such file or directory"));
}

TEST(AtomicFileTest, RefusesFoldersAndPipes) {
  const TempDir folder;
  fs::create_directory(folder / "sub");
  EXPECT_THAT([&] { write_file_atomically(folder / "sub", "text"); },
              throws_line<FileError>((folder / "sub").string(), "is a directory"));
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_THAT([&] { write_file_atomically(folder / "pipe", "text"); },
              throws_line<FileError>((folder / "pipe").string(), "is not a regular file"));
  EXPECT_TRUE(fs::is_fifo(folder / "pipe"));
  EXPECT_THAT(folder.names(), ElementsAre("pipe", "sub"));
}

TEST(AtomicFileTest, TellsBeforehandAndTouchesNothing) {
  const TempDir folder;
  write_bytes(folder / "file", "old");
  fs::create_directory(folder / "sub");
  EXPECT_NO_THROW(check_can_write(folder / "file"));
  EXPECT_NO_THROW(check_can_write(folder / "new"));
  EXPECT_THAT([&] { check_can_write(folder / "sub"); }, throws_line<FileError>("is a directory"));
  EXPECT_THAT([&] { check_can_write(folder / "none" / "file"); },
              throws_line<FileError>((folder / "none" / "file").string(),
                                     "cannot write: No such file or directory"));
  EXPECT_EQ(read_bytes(folder / "file"), "old");
  EXPECT_THAT(folder.names(), ElementsAre("file", "sub"));
}

TEST(AtomicFileTest, RefusesWhatIsNoFileName) {
  const TempDir folder;
  EXPECT_THAT([&] { write_file_atomically(folder / "file/", "text"); },
              throws_line<FileError>("file/", "is not the name of a file"));
  EXPECT_THAT([] { write_file_atomically("", "text"); },
              throws_line<FileError>("is not the name of a file"));
  EXPECT_THAT(folder.names(), IsEmpty());
}

TEST(AtomicFileTest, RefusesReadOnlyFileAndFolder) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write everything";
  const TempDir folder;
  write_bytes(folder / "file", "old");
  fs::permissions(folder / "file", fs::perms::owner_read);
  EXPECT_THAT([&] { write_file_atomically(folder / "file", "new"); },
              throws_line<FileError>((folder / "file").string(), "Permission denied"));
  EXPECT_EQ(read_bytes(folder / "file"), "old");

  fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_THAT([&] { write_file_atomically(folder / "new", "text"); },
              throws_line<FileError>((folder / "new").string(), "Permission denied"));
}

TEST(AtomicFileTest, RemovesLeftoversOfTheDeadAlone) {
  const TempDir folder;
  write_bytes(folder / ".tilewise-1-2.tmp", "left");
  write_bytes(folder / ".tilewise-3-4.tmp", "being written");
  write_bytes(folder / "tilewise.tmp", "somebody else's");
  write_bytes(folder / ".tilewise-5-6.txt", "somebody else's");
  fs::create_directory(folder / ".tilewise-folder.tmp");
  PosixFile writer(folder / ".tilewise-3-4.tmp", PosixFile::Mode::append);
  ASSERT_TRUE(writer.try_lock());
  remove_leftovers(folder.path());
  EXPECT_THAT(folder.names(), ElementsAre(".tilewise-3-4.tmp", ".tilewise-5-6.txt",
                                          ".tilewise-folder.tmp", "tilewise.tmp"));
  remove_leftovers(folder / "none");
}

TEST(AtomicFileTest, WritersOfTheSameFileDoNotMix) {
  const TempDir folder;
  std::vector<std::thread> writers;
  for (const char letter : {'a', 'b', 'c'}) {
    writers.emplace_back([&folder, letter] {
      for (int i = 0; i < 10; ++i) {
        write_file_atomically(folder / "file", std::string(100'000, letter));
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  const std::string text = read_bytes(folder / "file");
  EXPECT_EQ(text, std::string(100'000, text.at(0)));
  EXPECT_THAT(folder.names(), ElementsAre("file"));
}

}  // namespace
}  // namespace tilewise
