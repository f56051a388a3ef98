#pragma once

#include "tilewise/core/parallel.hpp"
#include "tilewise/layers/profiler.hpp"

namespace tilewise {

/// Who does what: the arguments of a ProfileScope.
struct ProfileTask {
  int activity = 0;
  Work work = {};
  int worker = 0;
  std::int64_t chunk = -1;  ///< as in ProfileEvent
  std::int64_t images = 0;
  bool is_call = true;  ///< false for what goes with another call
};

/// While it lives, time goes to an activity. Without a profiler, or while it does not run, it does
/// nothing.
///
/// Made inside a chunk of a loop, the time is that of the chunk's worker. Made outside of loops, where it
/// is given the executor, it is the calling thread's, worker 0, between loops and that of each worker in
/// each of their chunks: time spent waiting for others is not counted.
class ProfileScope final : private LoopObserver {
 public:
  ProfileScope(Profiler* profiler, const ProfileTask& task, Executor* executor = nullptr) {
    if (profiler != nullptr && profiler->running()) begin(*profiler, task, executor);
  }
  ~ProfileScope() override {
    if (profiler_ != nullptr) end();
  }
  ProfileScope(const ProfileScope&) = delete;
  ProfileScope& operator=(const ProfileScope&) = delete;

 private:
  void begin(Profiler& profiler, const ProfileTask& task, Executor* executor);
  void end();
  void add_piece();

  void before_loop() noexcept override;
  void after_loop() noexcept override;
  void run_chunk(std::int64_t chunk, int worker,
                 FunctionRef<void(std::int64_t, int)> body) override;

  Profiler* profiler_ = nullptr;
  ProfileTask task_;
  Executor* executor_ = nullptr;
  LoopObserver* outer_ = nullptr;
  Profiler::Clock::time_point since_;  ///< begin of what has not been added yet
};

/// While it lives, the profiler's time runs; null for none.
class ProfileRun {
 public:
  explicit ProfileRun(Profiler* profiler) : profiler_(profiler) {
    if (profiler_ != nullptr) profiler_->start();
  }
  ~ProfileRun() {
    if (profiler_ != nullptr) profiler_->stop();
  }
  ProfileRun(const ProfileRun&) = delete;
  ProfileRun& operator=(const ProfileRun&) = delete;

 private:
  Profiler* profiler_;
};

}  // namespace tilewise
