#include "bench/runner.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <regex>
#include <string>
#include <thread>

#include "bench/bandwidth.hpp"
#include "tilewise/simd/fma_peak.hpp"

namespace tilewise::bench {
namespace {

using Clock = std::chrono::steady_clock;

/// Whether Google Benchmark's --benchmark_filter, as its documentation has it, wants `name`.
bool wanted(const std::string& name) {
  std::string filter = benchmark::GetBenchmarkFilter();
  if (filter.empty() || filter == "all") return true;
  const bool negative = filter[0] == '-';
  if (negative) filter.erase(0, 1);
  return std::regex_search(name, std::regex(filter, std::regex::extended)) != negative;
}

/// Why `actual` is not `expected`, or nothing.
std::string difference(const std::vector<float>& actual, const std::vector<float>& expected,
                       double tolerance) {
  if (actual.size() != expected.size()) return "wrong size of the result";
  double largest = 0;
  for (const float value : expected) largest = std::max(largest, std::abs(double{value}));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double error = std::abs(double{actual[i]} - double{expected[i]});
    if (!(error <= tolerance * largest)) {
      return "wrong result: element " + std::to_string(i) + " is " + std::to_string(actual[i]) +
             ", expected " + std::to_string(expected[i]);
    }
  }
  return "";
}

}  // namespace

/// One contender of a case.
class Runner::Entry {
 public:
  /// `pause`: until the threads of all libraries sleep.
  Entry(Runner& runner, const Case& c, const Library& library, Executor& executor,
        std::chrono::milliseconds pause)
      : runner_(runner), case_(c), library_(library), executor_(executor), pause_(pause) {}

  std::string name() const {
    return case_.operation + "/" + library_.name() + "/" + case_.shape.text +
           "/threads:" + std::to_string(executor_.threads());
  }

  void check(const std::vector<float>& expected) {
    try {
      contender_ = library_.prepare(case_, executor_);
    } catch (const std::exception& error) {  // peers need not do every shape
      error_ = std::string("refused: ") + error.what();
      return;
    }
    contender_->run();
    error_ = difference(contender_->result(), expected, library_.tolerance(case_));
    if (!error_.empty()) ++runner_.failures_;
    ++runner_.runs_;
  }

  void time(benchmark::State& state) {
    if (!error_.empty()) {
      state.SkipWithError(error_.c_str());
      return;
    }
    std::this_thread::sleep_for(pause_);
    warm_up();
    const auto start = Clock::now();
    for (auto _ : state) {
      contender_->run();
      benchmark::ClobberMemory();
    }
    const std::chrono::duration<double> elapsed = Clock::now() - start;
    std::this_thread::sleep_for(pause_);
    report(state, elapsed.count() / static_cast<double>(state.iterations()));
  }

 private:
  /// Until caches are warm and threads, once woken, have got processors of their own.
  void warm_up() {
    const auto time = std::chrono::milliseconds(executor_.threads() > 1 ? 50 : 0);
    const auto start = Clock::now();
    do contender_->run();
    while (Clock::now() - start < time);
  }

  void report(benchmark::State& state, double seconds) {
    state.counters["GFLOP/s"] = case_.flops / seconds / 1e9;
    state.counters["GB/s"] = case_.bytes / seconds / 1e9;
    state.counters["flops"] = case_.flops;
    state.counters["bytes"] = case_.bytes;
    if (case_.memory_bound) {
      const double triad = measure_triad(executor_, case_.bytes);
      state.counters["of_triad"] = (case_.bytes + case_.written) / seconds / (kTriadTraffic * triad);
      state.counters["triad_GB/s"] = triad / 1e9;
    } else {
      constexpr double kSeconds = 0.005;
      const double peak = simd::measure_fma_peak(simd::default_kernels(), executor_, kSeconds);
      state.counters["of_peak"] = case_.flops / seconds / peak;
      state.counters["peak_GFLOP/s"] = peak / 1e9;
      if (const auto bytes = contender_->workspace_bytes()) {
        state.counters["workspace"] = *bytes / case_.bytes;
      }
    }
  }

  Runner& runner_;
  const Case& case_;
  const Library& library_;
  Executor& executor_;
  std::chrono::milliseconds pause_;
  std::unique_ptr<Contender> contender_;
  std::string error_;
};

Runner::Runner(std::vector<std::unique_ptr<Library>> libraries, std::vector<int> threads,
               benchmark::BenchmarkReporter& reporter, bool list_only)
    : libraries_(std::move(libraries)), reporter_(reporter), list_only_(list_only) {
  for (const int count : threads) executors_.push_back(std::make_unique<Executor>(count));
}

Runner::~Runner() = default;

void Runner::run(const Case& c) {
  std::chrono::milliseconds pause(0);
  for (const auto& library : libraries_) {
    if (library->has(c)) pause = std::max(pause, library->spinning());
  }
  std::vector<std::unique_ptr<Entry>> entries;
  for (const auto& library : libraries_) {
    if (!library->has(c)) continue;
    for (const auto& executor : executors_) {
      if (c.one_thread && executor->threads() > 1) continue;
      auto entry = std::make_unique<Entry>(*this, c, *library, *executor, pause);
      if (wanted(entry->name())) entries.push_back(std::move(entry));
    }
  }
  if (entries.empty()) return;

  if (list_only_) {
    for (const auto& entry : entries) std::cout << entry->name() << "\n";
    return;
  }
  const std::vector<float> expected = expected_result(c);
  for (const auto& entry : entries) entry->check(expected);
  for (const auto& entry : entries) {
    benchmark::RegisterBenchmark(entry->name().c_str(),
                                 [&entry](benchmark::State& state) { entry->time(state); })
        ->UseRealTime();
  }
  benchmark::RunSpecifiedBenchmarks(&reporter_, "all");
  benchmark::ClearRegisteredBenchmarks();
}

}  // namespace tilewise::bench
