#pragma once

#include <filesystem>
#include <string>

#include "tilewise/layers/profiler.hpp"
#include "tilewise/simd/isa.hpp"

namespace tilewise::app {

/// Events that a trace keeps: 300 steps of the MNIST convnet, about 34 MB of JSON.
inline constexpr std::int64_t kTraceEvents = 262'144;

/// What a profile is told for people and for programs.
struct ProfileReport {
  const Profiler& profiler;
  simd::Isa isa;
  double fma_peak_flops;  ///< a second, all threads together, measured during the run

  /// A line for each layer and pass, their sum, and how to read it; about 100 columns.
  std::string table() const;
  /// The same lines: layer,pass,kernel,calls,milliseconds,share,GFLOP/s,of_peak,GB/s. What does not apply
  /// is NA.
  std::string csv() const;
};

/// Writes the trace and says so, unless it is to be silent. Throws FileError.
void write_and_announce_trace(const std::filesystem::path& path, const Profiler& profiler,
                              bool talk);

}  // namespace tilewise::app
