#pragma once

#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "bench/library.hpp"

namespace tilewise::bench {

/// Runs cases one after the other, each on all libraries and thread counts with their repetitions
/// interleaved at random: whatever slows the machine down for a while hits all of them.
class Runner {
 public:
  /// `reporter` gets the runs of all cases; it outlives the runner. With `list_only` names are printed
  /// and nothing is run, as Google Benchmark's --benchmark_list_tests asks.
  Runner(std::vector<std::unique_ptr<Library>> libraries, std::vector<int> threads,
         benchmark::BenchmarkReporter& reporter, bool list_only);
  ~Runner();

  /// Times `c` if the filter of Google Benchmark's options wants any of it. Each contender's result
  /// is checked first; one that is wrong is reported as an error instead of timed.
  void run(const Case& c);

  /// Contenders that gave a wrong result.
  int failures() const { return failures_; }
  /// Contenders that were run.
  int runs() const { return runs_; }

 private:
  class Entry;

  std::vector<std::unique_ptr<Library>> libraries_;
  std::vector<std::unique_ptr<Executor>> executors_;
  benchmark::BenchmarkReporter& reporter_;
  bool list_only_;
  int failures_ = 0;
  int runs_ = 0;
};

}  // namespace tilewise::bench
