#include "tilewise/core/parallel.hpp"

#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/info.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/partitioner.h>
#include <oneapi/tbb/task_arena.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "tilewise/core/error.hpp"
#include "tilewise/core/float_mode.hpp"

#if defined(TILEWISE_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

namespace tilewise {
namespace {

/// oneTBB orders what happens before a loop, in its chunks and after it, and the chunks of one worker, but does
/// so inside a library that the thread sanitizer knows nothing of. This tells it, and no more: chunks of
/// different workers stay unordered. In other builds it is nothing.
#if defined(TILEWISE_TSAN)
class LoopOrder {
 public:
  explicit LoopOrder(int threads) : workers_(static_cast<std::size_t>(threads)) { __tsan_release(&before_); }
  ~LoopOrder() { __tsan_acquire(&after_); }

  class Chunk {
   public:
    Chunk(LoopOrder& loop, int worker) : loop_(loop), worker_(&loop.workers_[static_cast<std::size_t>(worker)]) {
      __tsan_acquire(&loop.before_);
      __tsan_acquire(worker_);
    }
    ~Chunk() {
      __tsan_release(worker_);
      __tsan_release(&loop_.after_);
    }

   private:
    LoopOrder& loop_;
    char* worker_;
  };

 private:
  char before_ = 0;
  char after_ = 0;
  std::vector<char> workers_;
};
#else
struct LoopOrder {
  explicit LoopOrder(int) {}
  struct Chunk {
    Chunk(LoopOrder&, int) {}
  };
};
#endif

}  // namespace

struct Executor::Arena {
  explicit Arena(int threads) : arena(threads) {
    // Without this oneTBB starts no more workers than the machine has processors, and a request for
    // more threads would silently be met with fewer.
    if (threads > tbb::info::default_concurrency()) {
      oversubscription.emplace(tbb::global_control::max_allowed_parallelism,
                               static_cast<std::size_t>(threads));
    }
  }

  void run(int threads, std::int64_t chunks, double nanoseconds, FunctionRef<void(std::int64_t, int)> body) {
    const std::int64_t most = chunks_per_task(chunks, nanoseconds);
    LoopOrder order(threads);
    arena.execute([&] {
      // Small tasks, taken by whoever is free: on a shared machine one core may be slower than another for a while.
      tbb::parallel_for(
          tbb::blocked_range<std::int64_t>(0, chunks, static_cast<std::size_t>(most)),
          [&](const tbb::blocked_range<std::int64_t>& range) {
            const int worker = tbb::this_task_arena::current_thread_index();
            const LoopOrder::Chunk ordered(order, worker);
            const FlushDenormals flush;
            for (std::int64_t chunk = range.begin(); chunk != range.end(); ++chunk) {
              body(chunk, worker);
            }
          },
          tbb::simple_partitioner());
    });
  }

  std::optional<tbb::global_control> oversubscription;
  tbb::task_arena arena;
};

Executor::Executor(int threads) : threads_(threads) {
  if (threads < 1) {
    throw ArgumentError("threads: " + std::to_string(threads) + " is less than 1");
  }
  if (threads > 1) arena_ = std::make_unique<Arena>(threads);
}

Executor::~Executor() = default;

/// An executor's loop, while it runs.
class Executor::Loop {
 public:
  explicit Loop(Executor& executor) : executor_(executor), observer_(executor.observer_) {
    // Without order between threads: an exchange would take a tenth of the time of a small product.
    if (executor_.in_loop_.load(std::memory_order_relaxed)) throw ArgumentError("Executor: a loop while another runs");
    executor_.in_loop_.store(true, std::memory_order_relaxed);
    if (observer_ != nullptr) observer_->before_loop();
  }
  ~Loop() {
    executor_.in_loop_.store(false, std::memory_order_relaxed);
    if (observer_ != nullptr) observer_->after_loop();
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

 private:
  Executor& executor_;
  LoopObserver* observer_;
};

void Executor::parallel_for(std::int64_t chunks, double nanoseconds,
                            FunctionRef<void(std::int64_t, int)> body) {
  const Loop loop(*this);
  if (observer_ == nullptr) return run(chunks, nanoseconds, body);
  run(chunks, nanoseconds,
      [&, observer = observer_](std::int64_t chunk, int worker) { observer->run_chunk(chunk, worker, body); });
}

void Executor::run(std::int64_t chunks, double nanoseconds,
                   FunctionRef<void(std::int64_t, int)> body) {
  using std::chrono::steady_clock;
  const auto run_alone = [&] {
    const FlushDenormals flush;
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) body(chunk, 0);
  };
  if (arena_ == nullptr || chunks <= 1 || !is_worth_sharing(nanoseconds, {})) return run_alone();
  if (is_worth_sharing(nanoseconds, steady_clock::now() - last_loop_)) {
    arena_->run(threads_, chunks, nanoseconds, body);
  } else {
    run_alone();
  }
  last_loop_ = steady_clock::now();
}

}  // namespace tilewise
