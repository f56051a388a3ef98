#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

#include "tilewise/train/callback.hpp"
#include "tilewise/train/csv_file.hpp"

namespace tilewise {

struct StepCsvLogOptions {
  std::int64_t every = 1;  ///< a row each so many steps
  /// Of a training that resumes, the optimizer's steps so far: rows of later ones are cut off.
  std::optional<std::int64_t> last_step = std::nullopt;
};

/// A CSV file (csv_file.hpp) with a row for steps: their number over all epochs, the epoch, accuracy and mean
/// loss of the step's batch, and the learning rate it was made with.
class StepCsvLog final : public Callback {
 public:
  static constexpr std::string_view kHeader = "step,epoch,accuracy,loss,learning_rate";

  /// Throws ArgumentError unless options.every is positive, FileError as CsvFile does.
  explicit StepCsvLog(const std::filesystem::path& path, const StepCsvLogOptions& options = {});

  /// Throws FileError, leaving no part of the row.
  void on_step_end(const StepRecord& record) override;

 private:
  std::int64_t every_;
  CsvFile file_;
};

}  // namespace tilewise
