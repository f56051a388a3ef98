#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "tilewise/train/posix_file.hpp"

namespace tilewise {

/// The text of one row. Numbers are the shortest text that reads back as the same float, with a point
/// whatever the locale; what is not a number is "nan", what is missing "NA".
class CsvRow {
 public:
  CsvRow& add(std::int64_t value);
  CsvRow& add(double value);
  CsvRow& add(const std::optional<double>& value);

  const std::string& text() const { return text_; }

 private:
  void begin_field();

  std::string text_;
};

/// A CSV file that rows are appended to, each handed to the system at once, so that a killed process loses
/// none and leaves no half of one. The first column counts something, such as epochs.
class CsvFile {
 public:
  /// Opens `path`. A new or empty file gets the header; one that was left without its last newline gets
  /// that. With `last_row`, all that follows the last row whose number is at most that is cut off.
  /// Throws FileError when the file cannot be written, or starts with anything else but the header: such
  /// a file is left as it is.
  CsvFile(const std::filesystem::path& path, std::string_view header,
          std::optional<std::int64_t> last_row = std::nullopt);

  /// Throws FileError, leaving no part of the row.
  void append(const CsvRow& row) { write_whole(row.text() + "\n"); }

 private:
  void check_header(std::string_view header) const;
  void cut_after(std::int64_t last_row);
  void write_whole(std::string_view text);

  PosixFile file_;
};

}  // namespace tilewise
