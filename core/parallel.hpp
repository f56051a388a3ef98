#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

namespace tilewise {

/// A reference to something callable, for the duration of a call.
template <class Signature>
class FunctionRef;

template <class Result, class... Args>
class FunctionRef<Result(Args...)> {
 public:
  template <class Callable>
    requires(!std::is_same_v<std::remove_cvref_t<Callable>, FunctionRef>)
  FunctionRef(Callable&& callable)  // NOLINT: implicit, so that a lambda can be passed
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(callable)))),
        call_([](void* object, Args... args) -> Result {
          return (*static_cast<std::remove_reference_t<Callable>*>(object))(args...);
        }) {}

  Result operator()(Args... args) const { return call_(object_, args...); }

 private:
  void* object_;
  Result (*call_)(void*, Args...);
};

/// Whether a loop that takes one thread so many nanoseconds is worth another's taking part, when one that could have
/// been shared ended so long ago. For about 120 microseconds oneTBB's threads look for work, and join a loop within 1
/// to 3; later they have to be woken, which takes 30 to 50. That pays for a long loop, or once for several short ones:
/// where one has just ended more are likely to follow.
constexpr bool is_worth_sharing(double nanoseconds, std::chrono::nanoseconds since_last_loop) {
  constexpr double kLeast = 5'000, kLeastAfterRest = 50'000;
  constexpr std::chrono::microseconds kRest{100};
  return nanoseconds >= (since_last_loop < kRest ? kLeast : kLeastAfterRest);
}

/// Chunks that a thread takes at once, at most, of a loop that takes one thread so many nanoseconds: one; but of small
/// ones, for taking them costs about a tenth of a microsecond, as many as take one microsecond.
constexpr std::int64_t chunks_per_task(std::int64_t chunks, double nanoseconds) {
  constexpr double kTaskNanoseconds = 1'000;
  const double most = static_cast<double>(chunks) * kTaskNanoseconds / nanoseconds;
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(most));
}

/// Stands around an executor's loops and each of their chunks, to measure them.
class LoopObserver {
 public:
  virtual ~LoopObserver() = default;

  /// On the thread that called parallel_for(); after_loop() also when the loop has thrown.
  virtual void before_loop() noexcept = 0;
  virtual void after_loop() noexcept = 0;

  /// On the thread that runs the chunk: calls body(chunk, worker).
  virtual void run_chunk(std::int64_t chunk, int worker,
                         FunctionRef<void(std::int64_t, int)> body) = 0;
};

/// A fixed number of threads that run the library's loops.
///
/// Nothing computed here may depend on the number of threads or on which thread ran what: callers cut sums by shape
/// alone, and each chunk writes only what it owns. What one chunk computes from end to end may be cut by the number of
/// threads. Scratch memory is the one thing that goes by `worker`.
///
/// One executor serves one caller at a time; independent models each take their own. Where several have more threads
/// than the machine has processors, oneTBB keeps all of them to as many as the one of these with the fewest.
class Executor {
 public:
  /// Throws ArgumentError when `threads` is below 1.
  explicit Executor(int threads);
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  int threads() const { return threads_; }

  /// Calls body(chunk, worker) once for each chunk in [0, chunks), in any order and at the same time
  /// on several threads; returns when all are done. `worker` is in [0, threads()); calls that share it
  /// come one after the other, and see what those before them wrote. Denormals are flushed to zero during
  /// each call.
  ///
  /// `nanoseconds` estimates what the whole loop takes one thread. If it is not worth sharing
  /// (is_worth_sharing), or with one thread or one chunk, it runs in order on the calling thread as worker
  /// 0. An exception from `body` stops the loop and is rethrown here. Throws ArgumentError while another loop of
  /// the same executor runs, as from within it.
  void parallel_for(std::int64_t chunks, double nanoseconds,
                    FunctionRef<void(std::int64_t chunk, int worker)> body);

  /// Puts `observer` around the loops that follow, none if null; returns the one before. Not to be
  /// called from within a loop.
  LoopObserver* observe(LoopObserver* observer) { return std::exchange(observer_, observer); }

 private:
  void run(std::int64_t chunks, double nanoseconds, FunctionRef<void(std::int64_t, int)> body);

  class Loop;
  struct Arena;
  int threads_;
  std::atomic<bool> in_loop_ = false;
  LoopObserver* observer_ = nullptr;
  std::chrono::steady_clock::time_point last_loop_{};  ///< end of the last that several threads could have shared
  std::unique_ptr<Arena> arena_;
};

}  // namespace tilewise
