#include <fmt/core.h>

#include <string>

#include "apps/commands.hpp"
#include "apps/peak_meter.hpp"
#include "apps/runtime.hpp"

namespace tilewise::app {
namespace {

std::string compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#else
  return "gcc " __VERSION__;
#endif
}

/// Median of nine short measurements, in GFLOP/s.
double median_peak(const simd::KernelTable& kernels, Executor& executor) {
  PeakMeter peak(kernels, executor);
  peak.measure(9);
  return peak.median() / 1e9;
}

}  // namespace

int info(const InfoOptions& options) {
  Runtime runtime(options.threads);
  std::string available;
  for (const simd::Isa isa : simd::supported_isas()) {
    available += fmt::format("{}{}", available.empty() ? "" : ", ", simd::isa_name(isa));
  }
  fmt::print("{}\n", runtime.description());
  fmt::print("compiler         {}\n", compiler());
  fmt::print("instruction set  {} ({} floats a vector); this machine can run {}\n",
             simd::isa_name(runtime.kernels().isa), runtime.kernels().vector_floats, available);
  if (!options.peak) return kExitSuccess;

  Executor one(1);
  fmt::print("FMA peak         {:.1f} GFLOP/s on 1 thread\n", median_peak(runtime.kernels(), one));
  if (const int threads = runtime.executor().threads(); threads > 1) {
    fmt::print("                 {:.1f} GFLOP/s on {} threads\n",
               median_peak(runtime.kernels(), runtime.executor()), threads);
  }
  return kExitSuccess;
}

}  // namespace tilewise::app
