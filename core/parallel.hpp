#pragma once

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

/// Loops estimated to take one thread less than this many nanoseconds stay on the calling thread: to have another
/// take part would cost more than it saves.
inline constexpr double kSerialBelow = 8'000;
/// So do longer ones, up to this, unless another such loop ended less than kAwakeFor ago: so long other threads look for
/// work, and join a loop within a few microseconds; later they have to be woken, which takes tens.
inline constexpr double kSerialBelowAsleep = 50'000;
inline constexpr std::chrono::microseconds kAwakeFor{100};

/// Stands around an executor's loops and each of their chunks, to measure them.
class LoopObserver {
 public:
  virtual ~LoopObserver() = default;

  /// On the thread that called parallel_for().
  virtual void before_loop() = 0;
  virtual void after_loop() = 0;

  /// On the thread that runs the chunk: calls body(chunk, worker).
  virtual void run_chunk(std::int64_t chunk, int worker,
                         FunctionRef<void(std::int64_t, int)> body) = 0;
};

/// A fixed number of threads that run the library's loops.
///
/// Nothing computed here may depend on the number of threads or on which thread ran what: callers
/// cut work into chunks by shape alone, and each chunk writes only what it owns. Scratch memory is
/// the one thing that goes by `worker`.
///
/// One executor serves one caller at a time; independent models each take their own.
class Executor {
 public:
  /// Throws ArgumentError when `threads` is below 1.
  explicit Executor(int threads);
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  int threads() const { return threads_; }

  /// Calls body(chunk, worker) once for each chunk in [0, chunks), in any order and at the same time
  /// on several threads; returns when all are done. `worker` is in [0, threads()), and no two calls
  /// that overlap in time share it. Denormals are flushed to zero during each call.
  ///
  /// `nanoseconds` estimates what the whole loop takes one thread; if that is too little to share
  /// (kSerialBelow), or with one thread or one chunk, it runs in order on the calling thread as worker 0.
  /// Must not be nested. An exception from `body` stops the loop and is rethrown here.
  void parallel_for(std::int64_t chunks, double nanoseconds,
                    FunctionRef<void(std::int64_t chunk, int worker)> body);

  /// Puts `observer` around the loops that follow, none if null; returns the one before. Not to be
  /// called from within a loop.
  LoopObserver* observe(LoopObserver* observer) { return std::exchange(observer_, observer); }

 private:
  void run(std::int64_t chunks, double nanoseconds, FunctionRef<void(std::int64_t, int)> body);

  struct Arena;
  int threads_;
  LoopObserver* observer_ = nullptr;
  std::chrono::steady_clock::time_point last_loop_{};  ///< end of the last that was not too short
  std::unique_ptr<Arena> arena_;
};

}  // namespace tilewise
