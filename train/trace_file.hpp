#pragma once

#include <filesystem>
#include <string>

#include "tilewise/layers/profiler.hpp"

namespace tilewise {

/// The profiler's events as a trace in Chrome's JSON format ("Trace Event Format", the JSON object form),
/// which Perfetto (ui.perfetto.dev) and chrome://tracing show: a complete event ("ph": "X") for each
/// event, named after layer and pass, on the track of its worker; times are in microseconds.
/// "otherData" says how many events found no room.
std::string trace_json(const Profiler& profiler);

/// Writes the trace, all or nothing. Throws FileError.
void write_trace(const std::filesystem::path& path, const Profiler& profiler);

}  // namespace tilewise
