#include "tilewise/layers/profiler.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "tilewise/core/error.hpp"

namespace tilewise {
namespace {

std::int64_t nanoseconds(Profiler::Clock::duration duration) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
}

}  // namespace

Profiler::Profiler(const ProfilerOptions& options)
    : options_(options),
      activities_{{"data", "shuffle", ""}, {"data", "assemble", "scale_bytes"}, {"filters", "pack", ""}} {
  if (options.trace_events < 0) {
    throw ArgumentError("trace_events " + std::to_string(options.trace_events) + " is negative");
  }
}

void Profiler::attach(int threads, std::vector<Activity> activities) {
  if (threads_ != 0) throw ArgumentError("a profiler serves one model, and this one has a model already");
  threads_ = threads;
  std::move(activities.begin(), activities.end(), std::back_inserter(activities_));
  // Whole pairs of cache lines.
  constexpr std::int64_t kApart = 128 / sizeof(Counter);
  const auto count = static_cast<std::int64_t>(activities_.size());
  counters_per_worker_ = (count + kApart - 1) / kApart * kApart;
  counters_ = AlignedBuffer<Counter>(checked_product(threads, counters_per_worker_));
  workers_ = AlignedBuffer<Worker>(threads);
  events_per_worker_ = options_.trace_events / threads;
  events_ = AlignedBuffer<ProfileEvent>(checked_product(threads, events_per_worker_));
}

void Profiler::start() {
  if (running_) return;
  running_ = true;
  started_ = Clock::now();
}

void Profiler::stop() {
  if (!running_) return;
  running_ = false;
  elapsed_ += Clock::now() - started_;
}

void Profiler::reset() {
  std::fill_n(workers_.data(), workers_.size(), Worker{});
  std::fill_n(counters_.data(), counters_.size(), Counter{});
  steps_ = 0;
  images_ = 0;
  elapsed_ = {};
  origin_ = started_ = Clock::now();
}

void Profiler::count_step(std::int64_t images) {
  if (!running_) return;
  ++steps_;
  images_ += images;
}

void Profiler::count_call(int worker, int activity, const Work& work) {
  Counter& sums = counter(worker, activity);
  ++sums.calls;
  sums.work.flops += work.flops;
  sums.work.bytes += work.bytes;
}

void Profiler::add_time(int worker, int activity, std::int64_t chunk, std::int64_t images,
                        Clock::time_point begin, Clock::time_point end) {
  const std::int64_t duration = nanoseconds(end - begin);
  counter(worker, activity).nanoseconds += duration;
  Worker& self = workers_[worker];
  if (self.events == events_per_worker_) {
    ++self.dropped;
    return;
  }
  events_[worker * events_per_worker_ + self.events++] = {
      .begin = nanoseconds(begin - origin_),
      .duration = duration,
      .activity = activity,
      .chunk = static_cast<std::int32_t>(chunk),
      .images = static_cast<std::int32_t>(images)};
}

double Profiler::seconds() const {
  const Clock::duration total = running_ ? elapsed_ + (Clock::now() - started_) : elapsed_;
  return std::chrono::duration<double>(total).count();
}

std::vector<ProfileRow> Profiler::rows() const {
  std::vector<ProfileRow> rows;
  for (int activity = 0; activity < static_cast<int>(activities_.size()); ++activity) {
    ProfileRow row;
    row.activity = activities_[static_cast<std::size_t>(activity)];
    for (int worker = 0; worker < threads_; ++worker) {
      const Counter& sums = counter(worker, activity);
      row.calls += sums.calls;
      row.seconds += static_cast<double>(sums.nanoseconds) * 1e-9;
      row.work.flops += sums.work.flops;
      row.work.bytes += sums.work.bytes;
    }
    if (row.calls > 0) rows.push_back(std::move(row));
  }
  return rows;
}

double Profiler::idle_seconds() const {
  double idle = seconds() * threads_;
  for (const ProfileRow& row : rows()) idle -= row.seconds;
  return std::max(0.0, idle);
}

std::span<const ProfileEvent> Profiler::events(int worker) const {
  return events_.span().subspan(static_cast<std::size_t>(worker * events_per_worker_),
                                static_cast<std::size_t>(workers_[worker].events));
}

std::int64_t Profiler::dropped_events() const {
  if (options_.trace_events == 0) return 0;
  std::int64_t dropped = 0;
  for (int worker = 0; worker < threads_; ++worker) dropped += workers_[worker].dropped;
  return dropped;
}

}  // namespace tilewise
