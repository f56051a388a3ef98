#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "tilewise/train/csv_file.hpp"
#include "tilewise/train/history.hpp"

namespace tilewise {

/// A CSV file (csv_file.hpp) with a row for each epoch, for Keras's users under Keras's names.
class CsvLog {
 public:
  /// The first line of every log.
  static constexpr std::string_view kHeader =
      "epoch,accuracy,loss,val_accuracy,val_loss,learning_rate,seconds,images_per_second";

  /// Opens `path` to append to it, as CsvFile does. A training that resumes says which epoch was its
  /// last: rows of later ones, which will come again, are cut off.
  explicit CsvLog(const std::filesystem::path& path, std::optional<int> last_epoch = std::nullopt)
      : file_(path, kHeader, last_epoch) {}

  /// Adds one row. Throws FileError, leaving no part of the row.
  void append(const EpochRecord& record);

 private:
  CsvFile file_;
};

}  // namespace tilewise
