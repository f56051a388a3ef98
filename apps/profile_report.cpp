#include "apps/profile_report.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <vector>

#include "tilewise/train/trace_file.hpp"

namespace tilewise::app {
namespace {

/// A row in the units of a report.
struct Line {
  std::string layer, pass, kernel;
  std::int64_t calls = 0;
  double milliseconds = 0;  ///< a step
  double share = 0;
  double gflops = 0;  ///< a second, all threads together; 0 for none
  double of_peak = 0;
  double gbytes = 0;  ///< likewise
};

class Lines {
 public:
  explicit Lines(const ProfileReport& report) : report_(report) {
    for (const ProfileRow& row : report.profiler.rows()) rows.push_back(line(row));
    rows.push_back(line({{"idle, other", "", ""}, 0, report.profiler.idle_seconds(), {}}));
    ProfileRow sum{{"a step", "", ""}, 0, report.profiler.seconds() * report.profiler.threads(), {}};
    for (const ProfileRow& row : report.profiler.rows()) {
      sum.work.flops += row.work.flops;
      sum.work.bytes += row.work.bytes;
    }
    total = line(sum);
  }

  std::vector<Line> rows;
  Line total;

 private:
  Line line(const ProfileRow& row) const {
    const Profiler& profiler = report_.profiler;
    // As if all threads had worked on it at the same time.
    const double seconds = row.seconds / profiler.threads();
    const double rate = seconds > 0 ? 1 / seconds : 0;
    return {.layer = row.activity.layer,
            .pass = row.activity.pass,
            .kernel = row.activity.kernel,
            .calls = row.calls,
            .milliseconds = seconds * 1e3 /
                            static_cast<double>(std::max<std::int64_t>(1, profiler.steps())),
            .share = profiler.seconds() > 0 ? seconds / profiler.seconds() : 0,
            .gflops = row.work.flops * rate / 1e9,
            .of_peak = row.work.flops * rate / report_.fma_peak_flops,
            .gbytes = row.work.bytes * rate / 1e9};
  }

  const ProfileReport& report_;
};

std::string number_or_dash(double value, int digits, const char* unit = "") {
  return value > 0 ? fmt::format("{:.{}f}{}", value, digits, unit) : "-";
}

std::string table_row(std::size_t width, const Line& line) {
  std::string text = fmt::format(
      "{:<{}} {:<8} {:>7.3f} {:>5.1f}% {:>7} {:>8} {:>6}  {}", line.layer, width, line.pass,
      line.milliseconds, 100 * line.share, number_or_dash(line.gflops, 1),
      number_or_dash(100 * line.of_peak, 0, "%"), number_or_dash(line.gbytes, 1), line.kernel);
  text.erase(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

/// A field that a comma or a quote does not break.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string number_or_na(double value) { return value > 0 ? fmt::format("{:.6g}", value) : "NA"; }

}  // namespace

std::string ProfileReport::table() const {
  Lines lines(*this);
  std::size_t width = 0;
  for (const Line& line : lines.rows) width = std::max(width, line.layer.size());
  std::size_t kernel_width = 6;
  for (const Line& line : lines.rows) kernel_width = std::max(kernel_width, line.kernel.size());
  const double seconds = profiler.seconds();
  lines.total.kernel = fmt::format(
      "{:.0f} images/s", seconds > 0 ? static_cast<double>(profiler.images()) / seconds : 0.0);
  const std::string rule(width + 50 + kernel_width, '-');

  const int threads = profiler.threads();
  std::string text = fmt::format(
      "Where a step goes: {} steps, {} images, {} thread{}, {}, FMA peak {:.0f} GFLOP/s\n",
      profiler.steps(), profiler.images(), threads, threads == 1 ? "" : "s", simd::isa_name(isa),
      fma_peak_flops / 1e9);
  text += rule + "\n";
  text += fmt::format("{:<{}} {:<8} {:>7} {:>6} {:>7} {:>8} {:>6}  {}\n", "layer", width, "pass", "ms",
                      "share", "GFLOP/s", "of peak", "GB/s", "kernel");
  text += rule + "\n";
  for (const Line& line : lines.rows) text += table_row(width, line);
  text += rule + "\n" + table_row(width, lines.total);
  return text;
}

std::string ProfileReport::csv() const {
  std::string text = "layer,pass,kernel,calls,milliseconds,share,GFLOP/s,of_peak,GB/s\n";
  for (const Line& line : Lines(*this).rows) {
    text += fmt::format("{},{},{},{},{:.6g},{:.6g},{},{},{}\n", csv_field(line.layer),
                        csv_field(line.pass), csv_field(line.kernel), line.calls, line.milliseconds,
                        line.share, number_or_na(line.gflops), number_or_na(line.of_peak),
                        number_or_na(line.gbytes));
  }
  return text;
}

void write_and_announce_trace(const std::filesystem::path& path, const Profiler& profiler,
                              bool talk) {
  write_trace(path, profiler);
  if (!talk) return;
  fmt::print("Wrote {}: open it in ui.perfetto.dev", path.string());
  if (const std::int64_t dropped = profiler.dropped_events(); dropped > 0) {
    fmt::print("; it has the first events, {} more found no room", dropped);
  }
  fmt::print("\n");
}

}  // namespace tilewise::app
