#include "tilewise/core/parallel.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tilewise/core/error.hpp"
#include "tilewise/core/float_mode.hpp"

namespace tilewise {
namespace {

constexpr double kManyOperations = 1e12;
constexpr int kThreadCounts[] = {1, 2, 3, 8};

/// Whether denormals are treated as zero on the calling thread.
bool flushes_denormals() {
  volatile float smallest_normal = std::numeric_limits<float>::min();
  volatile float half = 0.5F;
  volatile float denormal = smallest_normal * half;
  return denormal == 0.0F;
}

TEST(Executor, rejects_fewer_threads_than_one) {
  EXPECT_THROW(Executor(0), ArgumentError);
  EXPECT_THROW(Executor(-3), ArgumentError);
}

TEST(Executor, runs_every_chunk_once) {
  for (const int threads : kThreadCounts) {
    Executor executor(threads);
    EXPECT_EQ(executor.threads(), threads);
    for (const std::int64_t chunks : {0, 1, 2, 3, 7, 64, 1000}) {
      for (const double nanoseconds : {kManyOperations, 5e3}) {
        std::vector<std::atomic<int>> calls(static_cast<std::size_t>(chunks));
        executor.parallel_for(chunks, nanoseconds, [&](std::int64_t chunk, int) {
          ASSERT_GE(chunk, 0);
          ASSERT_LT(chunk, chunks);
          ++calls[static_cast<std::size_t>(chunk)];
        });
        for (const auto& count : calls) ASSERT_EQ(count, 1);
      }
    }
  }
}

TEST(Executor, gives_each_running_call_a_worker_of_its_own) {
  for (const int threads : kThreadCounts) {
    Executor executor(threads);
    std::vector<std::atomic<int>> running(static_cast<std::size_t>(threads));
    std::atomic<bool> shared = false;
    executor.parallel_for(400, kManyOperations, [&](std::int64_t, int worker) {
      ASSERT_GE(worker, 0);
      ASSERT_LT(worker, threads);
      auto& mine = running[static_cast<std::size_t>(worker)];
      if (mine.fetch_add(1) != 0) shared = true;
      std::this_thread::sleep_for(std::chrono::microseconds(50));
      mine.fetch_sub(1);
    });
    EXPECT_FALSE(shared);
  }
}

TEST(Executor, waits_for_all_chunks_and_shows_what_they_wrote) {
  Executor executor(3);
  for (int round = 0; round < 50; ++round) {
    std::vector<int> results(100);  // not atomic: the end of the loop must be enough
    executor.parallel_for(100, kManyOperations, [&](std::int64_t chunk, int) {
      results[static_cast<std::size_t>(chunk)] = static_cast<int>(chunk) + round;
    });
    for (int chunk = 0; chunk < 100; ++chunk) {
      ASSERT_EQ(results[static_cast<std::size_t>(chunk)], chunk + round);
    }
  }
}

// Each chunk waits until all have begun, which takes as many threads as there are chunks.
TEST(Executor, really_runs_as_many_threads_as_asked_for) {
  const int threads = static_cast<int>(std::thread::hardware_concurrency()) + 3;
  Executor executor(threads);
  std::atomic<int> begun = 0;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  executor.parallel_for(threads, kManyOperations, [&](std::int64_t, int) {
    ++begun;
    while (begun < threads && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    EXPECT_EQ(begun, threads);
  });
}

TEST(Executor, rethrows_and_works_on) {
  for (const int threads : kThreadCounts) {
    Executor executor(threads);
    for (const double operations : {0.0, kManyOperations}) {
      try {
        executor.parallel_for(100, operations, [](std::int64_t chunk, int) {
          if (chunk == 42) throw std::out_of_range("chunk 42");
        });
        ADD_FAILURE() << "nothing was thrown";
      } catch (const std::out_of_range& error) {
        EXPECT_STREQ(error.what(), "chunk 42");
      }
      std::atomic<int> calls = 0;
      executor.parallel_for(100, operations, [&](std::int64_t, int) { ++calls; });
      EXPECT_EQ(calls, 100);
    }
    EXPECT_FALSE(flushes_denormals());
  }
}

/// Whether the loop ran in order, on the calling thread, as worker 0.
bool runs_serially(Executor& executor, std::int64_t chunks, double operations) {
  const auto caller = std::this_thread::get_id();
  std::int64_t expected = 0;
  bool serial = true;
  executor.parallel_for(chunks, operations, [&](std::int64_t chunk, int worker) {
    // Evaluated on other threads too if the test fails; then the race does no harm.
    serial = serial && std::this_thread::get_id() == caller && worker == 0 && chunk == expected++;
  });
  return serial && expected == chunks;
}

TEST(Executor, keeps_little_work_on_the_calling_thread) {
  Executor executor(8);
  EXPECT_TRUE(runs_serially(executor, 100, 40'000));  // its threads have never been awake
  EXPECT_TRUE(runs_serially(executor, 100, 4'000));  // soon after that loop
  EXPECT_TRUE(runs_serially(executor, 100, 0));
  EXPECT_TRUE(runs_serially(executor, 1, kManyOperations));
  Executor alone(1);
  EXPECT_TRUE(runs_serially(alone, 100, kManyOperations));
}

// In one round of many: another program may hold a thread up for longer than the loop that comes first is remembered.
TEST(Executor, shares_a_short_loop_soon_after_another) {
  using std::chrono::steady_clock;
  Executor executor(2);
  bool shared = false;
  for (int round = 0; round < 200 && !shared; ++round) {
    std::atomic<int> begun = 0;
    std::atomic<bool> met = true;
    executor.parallel_for(2, kManyOperations, [](std::int64_t, int) {});
    executor.parallel_for(2, 6'000, [&](std::int64_t, int) {
      ++begun;
      const auto deadline = steady_clock::now() + std::chrono::milliseconds(5);
      while (begun < 2 && steady_clock::now() < deadline) std::this_thread::yield();
      if (begun < 2) met = false;
    });
    shared = met;
  }
  EXPECT_TRUE(shared);
}

TEST(IsWorthSharing, of_little_work_only_soon_after_another_loop) {
  using std::chrono::microseconds;
  constexpr double kMicrosecond = 1000;
  EXPECT_FALSE(is_worth_sharing(4 * kMicrosecond, microseconds(0)));
  EXPECT_TRUE(is_worth_sharing(6 * kMicrosecond, microseconds(0)));
  EXPECT_TRUE(is_worth_sharing(20 * kMicrosecond, microseconds(0)));
  EXPECT_TRUE(is_worth_sharing(20 * kMicrosecond, microseconds(50)));
  EXPECT_FALSE(is_worth_sharing(20 * kMicrosecond, microseconds(200)));
  EXPECT_TRUE(is_worth_sharing(100 * kMicrosecond, microseconds(200)));
  EXPECT_TRUE(is_worth_sharing(100 * kMicrosecond, std::chrono::hours(1000)));
}

TEST(ChunksPerTask, are_several_only_if_small) {
  EXPECT_EQ(chunks_per_task(16, 160e3), 1);
  EXPECT_EQ(chunks_per_task(16, 16e3), 1);
  EXPECT_EQ(chunks_per_task(16, 8e3), 2);
  EXPECT_EQ(chunks_per_task(128, 7.5e3), 17);
  EXPECT_EQ(chunks_per_task(1, 1e12), 1);
}

TEST(Executor, flushes_denormals_inside_and_not_outside) {
  ASSERT_FALSE(flushes_denormals());
  for (const int threads : kThreadCounts) {
    Executor executor(threads);
    for (const double operations : {0.0, kManyOperations}) {
      std::atomic<int> flushing = 0;
      executor.parallel_for(64, operations, [&](std::int64_t, int) {
        if (flushes_denormals()) ++flushing;
        std::this_thread::sleep_for(std::chrono::microseconds(50));
      });
      EXPECT_EQ(flushing, 64);
      EXPECT_FALSE(flushes_denormals());
    }
  }
}

// Models run side by side, each with its own executor on its own thread.
TEST(Executor, does_not_disturb_others) {
  std::vector<std::thread> callers;
  std::atomic<std::int64_t> total = 0;
  for (int caller = 0; caller < 3; ++caller) {
    callers.emplace_back([&] {
      Executor executor(2);
      for (int round = 0; round < 20; ++round) {
        executor.parallel_for(10, kManyOperations, [&](std::int64_t chunk, int worker) {
          ASSERT_LT(worker, 2);
          total += chunk;
        });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(total, 3 * 20 * 45);
}

TEST(FunctionRef, calls_what_it_refers_to) {
  int calls = 0;
  auto count = [&](int by) { return calls += by; };
  const FunctionRef<int(int)> ref = count;
  const FunctionRef<int(int)> copy = ref;
  EXPECT_EQ(ref(2), 2);
  EXPECT_EQ(copy(3), 5);
  const auto constant = [](int by) { return by + 1; };
  EXPECT_EQ(FunctionRef<int(int)>(constant)(1), 2);
}

TEST(FlushDenormals, lasts_as_long_as_its_scope) {
  ASSERT_FALSE(flushes_denormals());
  {
    const FlushDenormals outer;
    EXPECT_TRUE(flushes_denormals());
    {
      const FlushDenormals inner;
      EXPECT_TRUE(flushes_denormals());
    }
    EXPECT_TRUE(flushes_denormals());
  }
  EXPECT_FALSE(flushes_denormals());
}

TEST(FlushDenormals, treats_denormal_operands_as_zero) {
  volatile float denormal = std::numeric_limits<float>::denorm_min();
  volatile float large = 0x1p+100F;
  const FlushDenormals flush;
  EXPECT_EQ(denormal * large, 0.0F);
}

class CountingObserver final : public LoopObserver {
 public:
  void before_loop() noexcept override { ++before; }
  void after_loop() noexcept override { ++after; }
  void run_chunk(std::int64_t chunk, int worker,
                 FunctionRef<void(std::int64_t, int)> body) override {
    ++chunks;
    body(chunk, worker);
  }

  int before = 0, after = 0;
  std::atomic<int> chunks = 0;
};

TEST(Executor, lets_an_observer_stand_around_its_loops) {
  for (const int threads : kThreadCounts) {
    Executor executor(threads);
    CountingObserver observer;
    std::atomic<int> calls = 0;
    const auto loop = [&] { executor.parallel_for(7, kManyOperations, [&](std::int64_t, int) { ++calls; }); };
    loop();
    EXPECT_EQ(executor.observe(&observer), nullptr);
    loop();
    executor.parallel_for(2, 0, [&](std::int64_t, int) { ++calls; });  // too little for threads
    EXPECT_EQ(executor.observe(nullptr), &observer);
    loop();
    EXPECT_EQ(calls, 23);
    EXPECT_EQ(observer.chunks, 9);
    EXPECT_EQ(observer.before, 2);
    EXPECT_EQ(observer.after, 2);
  }
}

TEST(Executor, tells_its_observer_of_loops_that_throw) {
  for (const int threads : kThreadCounts) {
    Executor executor(threads);
    CountingObserver observer;
    executor.observe(&observer);
    EXPECT_THROW(executor.parallel_for(3, kManyOperations, [](std::int64_t, int) { throw std::runtime_error("no"); }),
                 std::runtime_error);
    EXPECT_EQ(observer.before, 1);
    EXPECT_EQ(observer.after, 1);
    executor.observe(nullptr);
  }
}

TEST(Executor, refuses_a_loop_within_a_loop) {
  for (const int threads : kThreadCounts) {
    Executor executor(threads), other(threads);
    std::atomic<int> calls = 0;
    const auto call = [&](std::int64_t, int) { ++calls; };
    EXPECT_THROW(executor.parallel_for(3, kManyOperations,
                                       [&](std::int64_t, int) { executor.parallel_for(2, kManyOperations, call); }),
                 ArgumentError);
    EXPECT_EQ(calls, 0);
    executor.parallel_for(1, kManyOperations, [&](std::int64_t, int) { other.parallel_for(2, kManyOperations, call); });
    EXPECT_EQ(calls, 2);
  }
}

}  // namespace
}  // namespace tilewise
