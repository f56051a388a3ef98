#pragma once

#include <benchmark/benchmark.h>

#include <fstream>
#include <memory>
#include <string>

namespace tilewise::bench {

/// Google Benchmark's console reporter and, if a file is named, its JSON reporter, for several calls
/// of RunSpecifiedBenchmarks that are to look like one.
class Reporter final : public benchmark::BenchmarkReporter {
 public:
  /// Throws FileError when `json_path` is not empty and cannot be written.
  explicit Reporter(const std::string& json_path);
  ~Reporter() override;

  bool ReportContext(const Context& context) override;
  void ReportRuns(const std::vector<Run>& runs) override;

  /// Completes the JSON file. Throws FileError when it could not be written, a full disk for one.
  void close();

 private:
  benchmark::ConsoleReporter console_;
  std::string json_path_;
  std::ofstream json_file_;
  std::unique_ptr<benchmark::BenchmarkReporter> json_;
  bool begun_ = false;
};

}  // namespace tilewise::bench
