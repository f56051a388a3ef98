#include "tilewise/train/csv_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <locale>
#include <sstream>
#include <string>
#include <vector>

#include "support/error_matchers.hpp"
#include "support/file_size_limit.hpp"
#include "support/temp_dir.hpp"
#include "tilewise/core/error.hpp"

namespace tilewise {
namespace {

using testing::FileSizeLimit;
using testing::read_bytes;
using testing::TempDir;
using testing::throws_line;
using testing::write_bytes;

const std::string kHeaderLine =
    "epoch,accuracy,loss,val_accuracy,val_loss,learning_rate,seconds,images_per_second\n";

constexpr EpochRecord kRecord{.epoch = 3,
                              .accuracy = 0.9871,
                              .loss = 0.0412,
                              .val_accuracy = 0.99,
                              .val_loss = 0.03125,
                              .learning_rate = 0.001,
                              .seconds = 7.25,
                              .images_per_second = 8275.5};
const std::string kRow = "3,0.9871,0.0412,0.99,0.03125,0.001,7.25,8275.5\n";

class CsvLogTest : public ::testing::Test {
 protected:
  /// What the log holds after a run that appends `record`.
  std::string after_appending(const EpochRecord& record) {
    CsvLog(path_).append(record);
    return read_bytes(path_);
  }

  /// The text of `value` in the column of the loss.
  std::string formatted(double value) {
    std::filesystem::remove(path_);
    EpochRecord record = kRecord;
    record.loss = value;
    std::istringstream row(after_appending(record).substr(kHeaderLine.size()));
    std::string field;
    for (int column = 0; column < 3; ++column) std::getline(row, field, ',');
    return field;
  }

  TempDir folder_;
  std::filesystem::path path_ = folder_ / "training.csv";
};

TEST_F(CsvLogTest, WritesHeaderAndRowsAtOnce) {
  CsvLog log(path_);
  EXPECT_EQ(read_bytes(path_), kHeaderLine);
  log.append(kRecord);
  EXPECT_EQ(read_bytes(path_), kHeaderLine + kRow);
  log.append(kRecord);
  EXPECT_EQ(read_bytes(path_), kHeaderLine + kRow + kRow);
}

TEST_F(CsvLogTest, MissingValuesAreNA) {
  EpochRecord record = kRecord;
  record.val_accuracy.reset();
  record.val_loss.reset();
  EXPECT_EQ(after_appending(record), kHeaderLine + "3,0.9871,0.0412,NA,NA,0.001,7.25,8275.5\n");
}

TEST_F(CsvLogTest, NumbersAreTheShortestThatReadBackAsTheSameFloat) {
  EXPECT_EQ(formatted(0), "0");
  EXPECT_EQ(formatted(1), "1");
  EXPECT_EQ(formatted(static_cast<double>(0.1F)), "0.1");
  EXPECT_EQ(formatted(59471.0 / 60000), "0.99118334");
  for (const float value : {1.0F / 3, 0.99121666F, 2.3025851F, 1.17549435e-38F, 1e-45F, 16777217.0F,
                            123456.79F, std::numeric_limits<float>::max()}) {
    const std::string text = formatted(static_cast<double>(value));
    EXPECT_EQ(std::strtof(text.c_str(), nullptr), value) << text;
  }
}

TEST_F(CsvLogTest, NumbersThatAreNotFinite) {
  EXPECT_EQ(formatted(std::numeric_limits<double>::quiet_NaN()), "nan");
  EXPECT_EQ(formatted(-std::numeric_limits<double>::quiet_NaN()), "nan");
  EXPECT_EQ(formatted(std::numeric_limits<double>::infinity()), "inf");
  EXPECT_EQ(formatted(-std::numeric_limits<double>::infinity()), "-inf");
  EXPECT_EQ(formatted(1e300), "1e+300");
}

TEST_F(CsvLogTest, IgnoresTheLocale) {
  struct Comma : std::numpunct<char> {
    char do_decimal_point() const override { return ','; }
    char do_thousands_sep() const override { return '.'; }
    std::string do_grouping() const override { return "\3"; }
  };
  const std::locale before = std::locale::global(std::locale(std::locale(), new Comma));
  const std::string text = after_appending(kRecord);
  std::locale::global(before);
  EXPECT_EQ(text, kHeaderLine + kRow);
}

TEST_F(CsvLogTest, AppendsToItsOwnFile) {
  after_appending(kRecord);
  EXPECT_EQ(after_appending(kRecord), kHeaderLine + kRow + kRow);
}

TEST_F(CsvLogTest, EmptyFileGetsAHeader) {
  write_bytes(path_, "");
  EXPECT_EQ(after_appending(kRecord), kHeaderLine + kRow);
}

TEST_F(CsvLogTest, StartsANewLineAfterAHalfRow) {
  write_bytes(path_, kHeaderLine + kRow + "4,0.98");
  EXPECT_EQ(after_appending(kRecord), kHeaderLine + kRow + "4,0.98\n" + kRow);
}

TEST_F(CsvLogTest, StartsANewLineAfterAHeaderWithoutNewline) {
  write_bytes(path_, kHeaderLine.substr(0, kHeaderLine.size() - 1));
  EXPECT_EQ(after_appending(kRecord), kHeaderLine + kRow);
}

TEST_F(CsvLogTest, CutsOffWhatFollowsTheLastEpoch) {
  const std::string rows = "1,0.5,1,NA,NA,0.1,1,1\n2,0.6,1,NA,NA,0.1,1,1\n";
  const std::string later = kRow + "4,0.9,1,NA,NA,0.1,1,1\n";
  const auto after_resuming_from = [&](const std::string& text, int epoch) {
    write_bytes(path_, text);
    CsvLog log(path_, epoch);
    return read_bytes(path_);
  };
  EXPECT_EQ(after_resuming_from(kHeaderLine + rows + later, 2), kHeaderLine + rows);
  EXPECT_EQ(after_resuming_from(kHeaderLine + rows + later, 0), kHeaderLine);
  EXPECT_EQ(after_resuming_from(kHeaderLine + rows + later, 9), kHeaderLine + rows + later);
  EXPECT_EQ(after_resuming_from(kHeaderLine + rows + "3,0.9", 2), kHeaderLine + rows);
  EXPECT_EQ(after_resuming_from(kHeaderLine + rows + "2,0.9", 2), kHeaderLine + rows);  // half a row
  EXPECT_EQ(after_resuming_from(kHeaderLine + rows + "\n\nwhat\n", 2), kHeaderLine + rows);
  EXPECT_EQ(after_resuming_from(kHeaderLine, 2), kHeaderLine);
  EXPECT_EQ(after_resuming_from(kHeaderLine.substr(0, kHeaderLine.size() - 1), 2), kHeaderLine);
  EXPECT_EQ(after_resuming_from("", 2), kHeaderLine);
  // Of a file that holds two runs, the second is cut.
  EXPECT_EQ(after_resuming_from(kHeaderLine + rows + kRow + rows + later, 2),
            kHeaderLine + rows + kRow + rows);
}

TEST_F(CsvLogTest, CutsNothingOffAnotherFile) {
  write_bytes(path_, "epoch,loss\n9,0.5\n");
  EXPECT_THROW(CsvLog(path_, 1), FileError);
  EXPECT_EQ(read_bytes(path_), "epoch,loss\n9,0.5\n");
}

TEST_F(CsvLogTest, RefusesOtherFilesAndLeavesThemAsTheyAre) {
  const std::string longer = kHeaderLine.substr(0, kHeaderLine.size() - 1) + ",more\n1,2\n";
  const std::string binary("\x1f\x8b\n\0\xff", 5);
  for (const std::string& text :
       {std::string("epoch,loss\n0,0.5"), longer, kHeaderLine.substr(0, 20), std::string("\n"),
        binary, "\n" + kHeaderLine}) {
    write_bytes(path_, text);
    EXPECT_THAT([&] { CsvLog log(path_); },
                throws_line<FileError>(path_.string() + ": starts with \"",
                                       "expected \"epoch,accuracy,loss,"));
    EXPECT_EQ(read_bytes(path_), text);
  }
  write_bytes(path_, "epoch,loss\n0,0.5");
  EXPECT_THAT([&] { CsvLog log(path_); },
              throws_line<FileError>("starts with \"epoch,loss\", expected"));
}

TEST_F(CsvLogTest, FullDisk) {
  EXPECT_THAT([] { CsvLog log("/dev/full"); },
              throws_line<FileError>("/dev/full: cannot write: No space left on device"));
}

TEST_F(CsvLogTest, FailedRowLeavesNoPart) {
  CsvLog log(path_);
  log.append(kRecord);
  {
    const FileSizeLimit limit(kHeaderLine.size() + kRow.size() + 10);
    EXPECT_THAT([&] { log.append(kRecord); },
                throws_line<FileError>(path_.string() + ": cannot write: "));
    EXPECT_EQ(read_bytes(path_), kHeaderLine + kRow);
  }
  log.append(kRecord);
  EXPECT_EQ(read_bytes(path_), kHeaderLine + kRow + kRow);
}

TEST_F(CsvLogTest, FailedHeaderLeavesNoPart) {
  {
    const FileSizeLimit limit(10);
    EXPECT_THROW(CsvLog log(path_), FileError);
  }
  EXPECT_EQ(after_appending(kRecord), kHeaderLine + kRow);
}

TEST_F(CsvLogTest, WritesToADevice) { EXPECT_NO_THROW(CsvLog("/dev/null").append(kRecord)); }

TEST_F(CsvLogTest, NoSuchFolder) {
  EXPECT_THAT([&] { CsvLog log(folder_ / "none" / "training.csv"); },
              throws_line<FileError>((folder_ / "none" / "training.csv").string(),
                                     "cannot write: No such file or directory"));
}

TEST_F(CsvLogTest, Directory) {
  EXPECT_THAT([&] { CsvLog log(folder_.path()); },
              throws_line<FileError>(folder_.path().string(), "Is a directory"));
}

TEST_F(CsvLogTest, ReadOnlyFileAndFolder) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write everything";
  write_bytes(path_, kHeaderLine);
  std::filesystem::permissions(path_, std::filesystem::perms::owner_read);
  EXPECT_THAT([&] { CsvLog log(path_); },
              throws_line<FileError>(path_.string(), "Permission denied"));
  std::filesystem::permissions(
      folder_.path(), std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  EXPECT_THAT([&] { CsvLog log(folder_ / "new.csv"); },
              throws_line<FileError>((folder_ / "new.csv").string(), "Permission denied"));
}

}  // namespace
}  // namespace tilewise
