#include "bench/bandwidth.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>

#include "tilewise/core/aligned_buffer.hpp"

namespace tilewise::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Triad {
  explicit Triad(std::int64_t n) : a(n), b(n), c(n) {}
  AlignedBuffer<float> a, b, c;
};

}  // namespace

double measure_triad(Executor& executor, double bytes) {
  constexpr double kSeconds = 0.01;
  constexpr double kNanosecondsPerByte = 0.05;
  const auto n = std::max<std::int64_t>(16, static_cast<std::int64_t>(bytes / 12));
  Triad arrays(n);
  const auto pass = [&] {
    executor.parallel_for((n + kPiece - 1) / kPiece, kNanosecondsPerByte * bytes,
                          [&](std::int64_t piece, int) {
      const std::int64_t first = piece * kPiece, count = std::min(kPiece, n - first);
      float* const a = arrays.a.data() + first;
      const float* const b = arrays.b.data() + first;
      const float* const c = arrays.c.data() + first;
      for (std::int64_t i = 0; i < count; ++i) a[i] = b[i] + 3.0F * c[i];
      benchmark::DoNotOptimize(a);
      benchmark::ClobberMemory();
    });
  };
  pass();  // touches the pages and wakes the threads
  std::chrono::duration<double> elapsed{};
  std::int64_t passes = 0;
  const auto start = Clock::now();
  do {
    pass();
    ++passes;
    elapsed = Clock::now() - start;
  } while (elapsed.count() < kSeconds);
  return 12.0 * static_cast<double>(n * passes) / elapsed.count();
}

}  // namespace tilewise::bench
