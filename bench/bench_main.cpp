// tilewise_bench: Tilewise's kernels, and those of the libraries it was configured with, on lists of
// shapes. Takes Google Benchmark's options, too.

#include <benchmark/benchmark.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <iostream>
#include <regex>
#include <string>
#include <vector>

#include "bench/reporter.hpp"
#include "bench/runner.hpp"
#include "bench/shape_list.hpp"
#include "tilewise/core/thread_count.hpp"

namespace tilewise::bench {
namespace {

struct Options {
  std::vector<std::string> shapes = {TILEWISE_SHAPES_DIR "/conv.txt", TILEWISE_SHAPES_DIR "/gemm.txt",
                                     TILEWISE_SHAPES_DIR "/memory.txt"};
  std::vector<int> threads;
  std::string out;
};

std::string compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#else
  return "gcc " __VERSION__;
#endif
}

/// "unknown" where the system does not tell.
std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

std::vector<std::unique_ptr<Library>> libraries() {
  std::vector<std::unique_ptr<Library>> result;
  result.push_back(tilewise_library());
  result.push_back(tilewise_direct_library());
#if defined(TILEWISE_BENCH_ONEDNN)
  result.push_back(onednn_library());
  result.push_back(onednn_winograd_library());
#endif
#if defined(TILEWISE_BENCH_BLAS)
  result.push_back(blas_library());
#endif
  return result;
}

bool lists_only(const std::vector<std::string>& arguments) {
  return std::ranges::any_of(arguments, [](const std::string& argument) {
    return argument == "--benchmark_list_tests" || argument == "--benchmark_list_tests=true";
  });
}

/// Returns the exit code.
int run(const Options& options, std::vector<std::string> arguments) {
  const bool list_only = lists_only(arguments);
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  int count = static_cast<int>(pointers.size());
  pointers.push_back(nullptr);
  benchmark::Initialize(&count, pointers.data());
  if (benchmark::ReportUnrecognizedArguments(count, pointers.data())) return 2;

  std::vector<Shape> shapes;
  for (const std::string& path : options.shapes) {
    std::ranges::move(read_shapes(path), std::back_inserter(shapes));
  }
  std::vector<int> threads = options.threads;
  if (threads.empty()) threads = {1, thread_count(0).count};
  std::ranges::sort(threads);
  threads.erase(std::unique(threads.begin(), threads.end()), threads.end());

  benchmark::AddCustomContext("cpu", cpu_model());
  benchmark::AddCustomContext("instruction_set",
                              std::string(simd::isa_name(simd::default_kernels().isa)));
  benchmark::AddCustomContext("compiler", compiler());
  auto contenders = libraries();
  for (const auto& library : contenders) {
    benchmark::AddCustomContext(library->name() + "_version", library->version());
  }
  Reporter reporter(options.out);
  Runner runner(std::move(contenders), std::move(threads), reporter, list_only);
  for (const Shape& shape : shapes) {
    for (const Case& c : cases_of(shape)) runner.run(c);
  }
  reporter.close();
  benchmark::Shutdown();
  if (list_only) return 0;
  if (runner.runs() == 0) std::cerr << "tilewise_bench: no case matches the filter\n";
  return runner.failures() > 0 || runner.runs() == 0 ? 1 : 0;
}

}  // namespace
}  // namespace tilewise::bench

int main(int argc, char** argv) {
  using namespace tilewise::bench;
  Options options;
  CLI::App app("Times Tilewise's kernels on lists of shapes");
  app.allow_extras();
  app.add_option("--shapes", options.shapes,
                 "Lists of shapes, in the grammar of bench/shape_list.hpp; default: those in bench/shapes")
      ->option_text("FILE ...");
  app.add_option("--threads", options.threads, "Numbers of threads, as 1,2,4; default: 1 and what the machine has")
      ->option_text("N,...")
      ->check(CLI::Range(1, 4096))
      ->delimiter(',');
  app.add_option("--benchmark_out", options.out, "Write all results to this file, as JSON")
      ->type_name("FILE");
  app.footer(
      "Other options are Google Benchmark's:\n"
      "  --benchmark_filter=REGEX  --benchmark_repetitions=N  --benchmark_min_time=SECONDS\n"
      "  --benchmark_list_tests  ...\n"
      "Example:\n"
      "  tilewise_bench --benchmark_filter='conv_forward/.*n128ic32' --benchmark_repetitions=9\n"
      "Exits with 1 if a result is wrong, no case matches or a file cannot be read or written, with 2\n"
      "if used wrongly.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    std::vector<std::string> arguments = app.remaining();
    arguments.insert(arguments.begin(), argv[0]);
    // Repetitions of a case's contenders are interleaved unless asked not to.
    arguments.insert(arguments.begin() + 1, "--benchmark_enable_random_interleaving=true");
    return run(options, std::move(arguments));
  } catch (const std::regex_error& error) {
    std::cerr << "tilewise_bench: --benchmark_filter: " << error.what() << "\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "tilewise_bench: " << error.what() << "\n";
    return 1;
  }
}
