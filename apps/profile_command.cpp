#include <fmt/core.h>

#include <algorithm>
#include <cstdio>

#include "apps/commands.hpp"
#include "apps/peak_meter.hpp"
#include "apps/plan_switches.hpp"
#include "apps/profile_report.hpp"
#include "apps/runtime.hpp"
#include "apps/stop_signal.hpp"
#include "tilewise/layers/adam.hpp"
#include "tilewise/train/atomic_file.hpp"
#include "tilewise/train/dataset.hpp"
#include "tilewise/train/fit.hpp"
#include "tilewise/train/networks.hpp"

namespace tilewise::app {
namespace {

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

}  // namespace

int profile(const ProfileOptions& options) {
  for (const std::string& file : {options.trace, options.csv}) {
    if (!file.empty()) check_can_write(file);
  }
  Runtime runtime(options.threads);
  fmt::print("{}\n", runtime.description());
  std::fflush(stdout);
  const Dataset data = load_mnist(options.data_dir, Split::train);
  PlanOptions plan;
  for (const std::string& name : options.without) plan.*kPlanSwitches.at(name) = false;
  Profiler profiler({.trace_events = options.trace.empty() ? 0 : kTraceEvents});
  Model model(mnist_convnet(data.image_shape(), data.classes()), runtime.executor(),
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

}  // namespace tilewise::app
