#include "tilewise/train/trace_file.hpp"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "tilewise/train/atomic_file.hpp"

namespace tilewise {
namespace {

/// 1234567 ns as "1234.567".
std::string microseconds(std::int64_t nanoseconds) {
  const std::string fraction = std::to_string(nanoseconds % 1000);
  return std::to_string(nanoseconds / 1000) + "." + std::string(3 - fraction.size(), '0') + fraction;
}

std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// The start of an event, which is the same for all of its activity.
std::string prefix(const Activity& activity) {
  return "{\"ph\":\"X\",\"name\":" + quoted(activity.layer + " " + activity.pass) +
         ",\"cat\":" + quoted(activity.pass);
}

std::string metadata(const std::string& what, int worker, const std::string& name) {
  return "{\"ph\":\"M\",\"name\":" + quoted(what) + ",\"pid\":1,\"tid\":" + std::to_string(worker) +
         ",\"args\":{\"name\":" + quoted(name) + "}}";
}

std::string arguments(const ProfileEvent& event) {
  std::string text;
  if (event.chunk >= 0) text += "\"chunk\":" + std::to_string(event.chunk);
  if (event.images > 0) {
    text += std::string(text.empty() ? "" : ",") + "\"images\":" + std::to_string(event.images);
  }
  return text;
}

}  // namespace

// Put together by hand: a tree of a quarter of a million events would take ten times the memory.
std::string trace_json(const Profiler& profiler) {
  std::vector<std::string> prefixes;  // by activity, as they come
  std::string text = "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"dropped_events\":" +
                     std::to_string(profiler.dropped_events()) +
                     "},\"traceEvents\":[\n" + metadata("process_name", 0, "tilewise");
  for (int worker = 0; worker < profiler.threads(); ++worker) {
    text += ",\n" + metadata("thread_name", worker, "worker " + std::to_string(worker));
    for (const ProfileEvent& event : profiler.events(worker)) {
      const auto index = static_cast<std::size_t>(event.activity);
      if (prefixes.size() <= index) prefixes.resize(index + 1);
      if (prefixes[index].empty()) prefixes[index] = prefix(profiler.activity(event.activity));
      text += ",\n" + prefixes[index] + ",\"pid\":1,\"tid\":" + std::to_string(worker) +
              ",\"ts\":" + microseconds(event.begin) + ",\"dur\":" + microseconds(event.duration) +
              ",\"args\":{" + arguments(event) + "}}";
    }
  }
  return text + "\n]}\n";
}

void write_trace(const std::filesystem::path& path, const Profiler& profiler) {
  write_file_atomically(path, trace_json(profiler));
}

}  // namespace tilewise
