#include "bench/reporter.hpp"

#include <unistd.h>

#include <iostream>

#include "tilewise/core/error.hpp"

namespace tilewise::bench {
namespace {

using benchmark::ConsoleReporter;

ConsoleReporter::OutputOptions console_options() {
  return isatty(STDOUT_FILENO) != 0 ? ConsoleReporter::OO_Color : ConsoleReporter::OO_None;
}

// Google Benchmark calls its JSON reporter deprecated, which means that --benchmark_out should be used
// instead. That writes one file per call.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
std::unique_ptr<benchmark::BenchmarkReporter> json_reporter() {
  return std::make_unique<benchmark::JSONReporter>();
}
#pragma GCC diagnostic pop

}  // namespace

Reporter::Reporter(const std::string& json_path)
    : console_(console_options()), json_path_(json_path) {
  if (json_path.empty()) return;
  json_file_.open(json_path);
  if (!json_file_) throw FileError(json_path + ": cannot be written");
  json_ = json_reporter();
  json_->SetOutputStream(&json_file_);
  json_->SetErrorStream(&std::cerr);
}

Reporter::~Reporter() = default;

bool Reporter::ReportContext(const Context& context) {
  if (begun_) return true;
  begun_ = true;
  return console_.ReportContext(context) && (json_ == nullptr || json_->ReportContext(context));
}

void Reporter::ReportRuns(const std::vector<Run>& runs) {
  std::vector<Run> plain = runs;
  for (Run& run : plain) run.run_name.time_type.clear();  // names do not end with "/real_time"
  if (json_ != nullptr) json_->ReportRuns(plain);
  // On the console a line a contender: of repetitions, their median.
  std::erase_if(plain, [](const Run& run) {
    return run.run_type == Run::RT_Aggregate ? run.aggregate_name != "median" : run.repetitions > 1;
  });
  if (!plain.empty()) console_.ReportRuns(plain);
}

void Reporter::close() {
  if (json_ == nullptr) return;
  if (begun_) json_->Finalize();
  json_file_.close();
  if (!json_file_) throw FileError(json_path_ + ": writing failed");
}

}  // namespace tilewise::bench
