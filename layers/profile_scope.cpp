#include "tilewise/layers/profile_scope.hpp"

namespace tilewise {

void ProfileScope::begin(Profiler& profiler, const ProfileTask& task, Executor* executor) {
  profiler_ = &profiler;
  task_ = task;
  executor_ = executor;
  if (executor_ != nullptr) {
    task_.chunk = -1;
    outer_ = executor_->observe(this);
  }
  since_ = Profiler::Clock::now();
}

void ProfileScope::end() {
  add_piece();
  if (task_.is_call) profiler_->count_call(task_.worker, task_.activity, task_.work);
  if (executor_ != nullptr) executor_->observe(outer_);
}

void ProfileScope::add_piece() {
  profiler_->add_time(task_.worker, task_.activity, task_.chunk, task_.images, since_,
                      Profiler::Clock::now());
}

void ProfileScope::before_loop() noexcept { add_piece(); }

void ProfileScope::after_loop() noexcept { since_ = Profiler::Clock::now(); }

void ProfileScope::run_chunk(std::int64_t chunk, int worker,
                             FunctionRef<void(std::int64_t, int)> body) {
  const auto begin = Profiler::Clock::now();
  body(chunk, worker);
  profiler_->add_time(worker, task_.activity, chunk, 0, begin, Profiler::Clock::now());
}

}  // namespace tilewise
