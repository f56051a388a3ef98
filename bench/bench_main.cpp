// tilewise_bench: Google Benchmark's options, and
//   --conv_shapes=FILE --gemm_shapes=FILE   lists to run instead of those in bench/shapes
//   --threads=N                             measure 1 and N threads instead of what the machine allows

#include <cstdlib>
#include <exception>
#include <iostream>
#include <string_view>

#include "bench/bench.hpp"
#include "tilewise/core/thread_count.hpp"
#include "tilewise/simd/fma_peak.hpp"

namespace tilewise::bench {

std::vector<int> thread_counts(int threads) {
  return threads == 1 ? std::vector<int>{1} : std::vector<int>{1, threads};
}

void report_flops(benchmark::State& state, Executor& executor, double flops) {
  const double peak = simd::measure_fma_peak(simd::default_kernels(), executor);
  state.counters["GFLOP/s"] =
      benchmark::Counter(flops / 1e9, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["of_peak"] =
      benchmark::Counter(flops / peak, benchmark::Counter::kIsIterationInvariantRate);
}

bool verify(benchmark::State& state, std::span<const float> actual, std::span<const float> expected) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (actual[i] != expected[i]) {
      state.SkipWithError(("wrong result at element " + std::to_string(i)).c_str());
      return false;
    }
  }
  return true;
}

namespace {

/// Takes "--name=value" out of the arguments; returns the value, or `otherwise` if it is not there.
std::string take_option(std::vector<char*>& arguments, std::string_view name, std::string otherwise) {
  for (auto argument = arguments.begin(); argument != arguments.end(); ++argument) {
    const std::string_view text = *argument;
    if (text.substr(0, name.size()) == name && text.substr(name.size(), 1) == "=") {
      otherwise = text.substr(name.size() + 1);
      arguments.erase(argument);
      break;
    }
  }
  return otherwise;
}

int run(int argc, char** argv) {
  std::vector<char*> arguments(argv, argv + argc);
  const std::string folder = TILEWISE_SHAPES_DIR;
  const std::string conv = take_option(arguments, "--conv_shapes", folder + "/conv.txt");
  const std::string gemm = take_option(arguments, "--gemm_shapes", folder + "/gemm.txt");
  const int threads = thread_count(std::atoi(take_option(arguments, "--threads", "0").c_str())).count;
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;
  benchmark::AddCustomContext("instruction_set",
                              std::string(simd::isa_name(simd::default_kernels().isa)));
  register_gemm(gemm, threads);
  register_conv(conv, threads);
  register_kernels();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace
}  // namespace tilewise::bench

int main(int argc, char** argv) {
  try {
    return tilewise::bench::run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "tilewise_bench: " << error.what() << "\n";
    return 1;
  }
}
