#pragma once

#include <filesystem>
#include <string_view>

#include "tilewise/train/history.hpp"
#include "tilewise/train/posix_file.hpp"

namespace tilewise {

/// A CSV file with a row for each epoch, for Keras's users under Keras's names.
///
/// Numbers are written as the shortest text that reads back as the same float, with a point
/// whatever the locale; a value that is not a number as "nan", a missing one as "NA". Each row is
/// handed to the system at once, so a killed run loses none.
class CsvLog {
 public:
  /// The first line of every log.
  static constexpr std::string_view kHeader =
      "epoch,accuracy,loss,val_accuracy,val_loss,learning_rate,seconds,images_per_second";

  /// Opens `path` to append to it. A new or empty file gets the header; one that a killed run left
  /// without its last newline gets that.
  /// Throws FileError when the file cannot be written, or starts with anything else but the header:
  /// such a file is left as it is.
  explicit CsvLog(const std::filesystem::path& path);

  /// Adds one row. Throws FileError, leaving no part of the row.
  void append(const EpochRecord& record);

 private:
  void write_whole(std::string_view text);

  PosixFile file_;
};

}  // namespace tilewise
