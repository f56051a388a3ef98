#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tilewise/core/aligned_buffer.hpp"
#include "tilewise/layers/work.hpp"

namespace tilewise {

/// One line of a profile: a pass through a step, or something that is done between the steps.
struct Activity {
  std::string layer;   ///< "conv2d_1", or what it is about: "data"
  std::string pass;    ///< "forward", "backward", "update", ...
  std::string kernel;  ///< how it is done, a few words; may be empty
};

/// What one worker did without a break.
struct ProfileEvent {
  std::int64_t begin = 0;     ///< nanoseconds since the profile began
  std::int64_t duration = 0;  ///< nanoseconds
  std::int32_t activity = 0;
  std::int32_t chunk = -1;    ///< of the loop that it was part of; -1 outside loops
  std::int32_t images = 0;    ///< of the chunk, or its part; 0 if it is not made of images
};

/// An activity's sums over all workers.
struct ProfileRow {
  Activity activity;
  std::int64_t calls = 0;  ///< chunks of images, or parts of them; for what takes the whole batch, batches
  double seconds = 0;      ///< of all workers together
  Work work;
};

struct ProfilerOptions {
  std::int64_t trace_events = 0;  ///< how many events to keep, shared out evenly among the workers
};

/// Says where a training step goes: times what each worker does for each activity, and keeps the first
/// events, for a trace. Given to a model (ModelOptions::profiler), it is fed by the model and by fit();
/// it serves that one model and may outlive it.
///
/// Each worker has counters of its own, on cache lines of its own, and there are no locks: what a worker
/// wrote is read when no loop runs. Memory is booked when a model attaches itself; recording allocates
/// nothing.
class Profiler {
 public:
  using Clock = std::chrono::steady_clock;

  /// What is done for a model before its first step.
  enum : int { kShuffle, kAssemble, kPack, kFirstOfModel };

  explicit Profiler(const ProfilerOptions& options = {});

  /// Books memory for `threads` workers and `activities`, which are numbered from kFirstOfModel on; a
  /// model does. Throws ArgumentError the second time.
  void attach(int threads, std::vector<Activity> activities);

  /// Time counts, and is recorded, between start() and stop(); fit() calls them around each epoch's
  /// training. reset() forgets everything so far, whether time runs or not.
  void start();
  void stop();
  void reset();
  bool running() const { return running_; }

  /// Counts a training step, if time runs.
  void count_step(std::int64_t images);
  /// Counts one more call of `activity`, which had `work` to do. Once a call, in its own worker's time.
  void count_call(int worker, int activity, const Work& work);
  /// Adds to the time of an activity, and to the trace.
  void add_time(int worker, int activity, std::int64_t chunk, std::int64_t images,
                Clock::time_point begin, Clock::time_point end);

  int threads() const { return threads_; }
  std::int64_t steps() const { return steps_; }
  std::int64_t images() const { return images_; }
  /// Time between start() and stop(), on the wall; each worker has that much.
  double seconds() const;

  /// The activities that took place, in the order of a training step.
  std::vector<ProfileRow> rows() const;
  /// What rows() leaves of the workers' time: waiting for each other, and what nobody measures.
  double idle_seconds() const;

  const Activity& activity(int index) const { return activities_[static_cast<std::size_t>(index)]; }
  /// The first events of a worker, in the order in which they ended; and how many found no room, of all
  /// workers.
  std::span<const ProfileEvent> events(int worker) const;
  std::int64_t dropped_events() const;

 private:
  struct Counter {
    std::int64_t calls;
    std::int64_t nanoseconds;
    Work work;
  };
  struct Worker {
    std::int64_t events;
    std::int64_t dropped;
    std::int64_t unused[14];  ///< two cache lines, for processors fetch the neighbour, too
  };

  Counter& counter(int worker, int activity) {
    return counters_[worker * counters_per_worker_ + activity];
  }
  const Counter& counter(int worker, int activity) const {
    return counters_[worker * counters_per_worker_ + activity];
  }

  ProfilerOptions options_;
  int threads_ = 0;
  std::vector<Activity> activities_;
  bool running_ = false;
  Clock::time_point origin_ = Clock::now();
  Clock::time_point started_;
  Clock::duration elapsed_{};
  std::int64_t steps_ = 0;
  std::int64_t images_ = 0;

  AlignedBuffer<Worker> workers_;
  std::int64_t counters_per_worker_ = 0;
  AlignedBuffer<Counter> counters_;
  std::int64_t events_per_worker_ = 0;
  AlignedBuffer<ProfileEvent> events_;
};

}  // namespace tilewise
