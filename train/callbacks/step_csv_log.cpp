#include "tilewise/train/callbacks/step_csv_log.hpp"

#include <string>

#include "tilewise/core/error.hpp"

namespace tilewise {
namespace {

std::int64_t checked(std::int64_t every) {
  if (every < 1) {
    throw ArgumentError("StepCsvLog: a row every " + std::to_string(every) +
                        " steps, expected at least 1");
  }
  return every;
}

}  // namespace

StepCsvLog::StepCsvLog(const std::filesystem::path& path, const StepCsvLogOptions& options)
    : every_(checked(options.every)), file_(path, kHeader, options.last_step) {}

void StepCsvLog::on_step_end(const StepRecord& record) {
  if (record.global_step % every_ != 0) return;
  file_.append(CsvRow()
                   .add(record.global_step)
                   .add(std::int64_t{record.epoch})
                   .add(record.batch.accuracy)
                   .add(record.batch.loss)
                   .add(record.learning_rate));
}

}  // namespace tilewise
