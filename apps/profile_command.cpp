#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "apps/commands.hpp"
#include "apps/config_file.hpp"
#include "apps/exit_status.hpp"
#include "apps/network_source.hpp"
#include "apps/options.hpp"
#include "apps/peak_meter.hpp"
#include "apps/plan_switches.hpp"
#include "apps/profile_report.hpp"
#include "apps/runtime.hpp"
#include "apps/stop_signal.hpp"
#include "tilewise/layers/adam.hpp"
#include "tilewise/train/atomic_file.hpp"
#include "tilewise/train/dataset.hpp"
#include "tilewise/train/fit.hpp"

namespace tilewise::app {
namespace {

struct ProfileOptions {
  std::string model = "keras";
  DataOptions data;
  std::int64_t batch_size = 128;
  std::int64_t steps = 100;
  int threads = 0;
  std::string trace;                 ///< empty: none
  std::string csv;                   ///< empty: none
  std::vector<std::string> without;  ///< names of plan_switches.hpp
};

/// Has the profiler forget the first steps, which meet cold caches and sleeping threads; measures the
/// peak every now and then, in the same moments as the steps, while the profiler's time stands still; and
/// ends training when the steps are done.
class StepCounter final : public Callback {
 public:
  static constexpr std::int64_t kWarmUp = 20;
  static constexpr std::int64_t kPeaks = 9;

  StepCounter(Profiler& profiler, PeakMeter& peak, std::int64_t steps)
      : profiler_(profiler),
        peak_(peak),
        steps_(steps),
        interval_(std::max<std::int64_t>(1, steps / (kPeaks - 1))) {}

  void on_step_end(const StepRecord&) override {
    const std::int64_t measured = ++done_ - kWarmUp;
    if (measured < 0 || measured % interval_ != 0) return;
    profiler_.stop();
    peak_.measure();
    if (measured == 0) profiler_.reset();
    profiler_.start();
  }
  bool should_stop() const override { return done_ == kWarmUp + steps_; }

 private:
  Profiler& profiler_;
  PeakMeter& peak_;
  std::int64_t steps_;
  std::int64_t interval_;
  std::int64_t done_ = 0;
};

int profile(const ProfileOptions& options) {
  for (const std::string& file : {options.trace, options.csv}) {
    if (!file.empty()) check_can_write(file);
  }
  Runtime runtime(options.threads);
  fmt::print("{}\n", runtime.description());
  std::fflush(stdout);
  const Dataset data = load_data(options.data, Split::train);
  PlanOptions plan;
  for (const std::string& name : options.without) plan.*kPlanSwitches.at(name) = false;
  Profiler profiler({.trace_events = options.trace.empty() ? 0 : kTraceEvents});
  Model model(make_network(options.model, data), runtime.executor(),
              {.max_batch = std::min(options.batch_size, data.size()),
               .plan = plan,
               .kernels = &runtime.kernels(),
               .profiler = &profiler});
  Adam adam;

  PeakMeter peak(runtime.kernels(), runtime.executor());
  peak.measure();
  StopSignal stop_signal;
  StepCounter counter(profiler, peak, options.steps);
  Callback* const callbacks[] = {&counter, &stop_signal};
  // As many epochs as it may take, of one step each.
  fit(model, adam, data,
      {.epochs = static_cast<int>(StepCounter::kWarmUp + options.steps), .callbacks = callbacks});

  const ProfileReport report{profiler, runtime.kernels().isa, peak.median()};
  fmt::print("{}", report.table());
  if (!options.csv.empty()) {
    write_file_atomically(options.csv, report.csv());
    fmt::print("Wrote {}\n", options.csv);
  }
  if (!options.trace.empty()) write_and_announce_trace(options.trace, profiler, true);
  return stop_signal.received() != 0 ? kExitSignalBase + stop_signal.received() : kExitSuccess;
}

}  // namespace

Command add_profile_command(CLI::App& app) {
  const auto options = std::make_shared<ProfileOptions>();
  CLI::App& command = *app.add_subcommand(
      "profile", "Train for a few steps; show where they go, by layer and pass");
  add_model(command, options->model);
  add_data_options(command, options->data);
  add_batch_size(command, "--batch-size", options->batch_size);
  command.add_option("--steps", options->steps, "training steps to measure, after a warm-up of 20")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  add_threads(command, options->threads);
  add_trace(command, options->trace);
  add_output_file(command, "--csv", options->csv, "write the table as CSV");
  std::vector<std::string> switches;
  for (const auto& [name, member] : kPlanSwitches) switches.push_back(name);
  command
      .add_option("--without", options->without,
                  "what the plan is not to do, to see what it brings: of depth_first, fuse_pooling, "
                  "move_relu_behind_pooling, skip_unread, sparse_gradients and winograd, several with commas")
      ->delimiter(',')
      ->check(CLI::IsMember(switches));
  add_config(command);
  command.footer(
      "ms       a step's time, as if all threads had worked on it together: the column\n"
      "         adds up to the step's time on the wall; 'idle' is threads waiting for\n"
      "         each other\n"
      "GFLOP/s  multiply-adds that are executed, counted as two; 'of peak' is the share\n"
      "         of the peak of all threads, multiply-adds on registers, measured in the\n"
      "         same run\n"
      "GB/s     arrays that are read and written, each counted once, from cache or\n"
      "         memory\n"
      "kernel   tile: rows x vectors of the micro-kernel's register tile; else its name\n"
      "Examples:\n"
      "  tilewise profile --threads 2 --trace trace.json --csv profile.csv\n"
      "  tilewise profile --model lenet5 --without sparse_gradients");
  return {&command, [options] { return profile(*options); }};
}

}  // namespace tilewise::app
