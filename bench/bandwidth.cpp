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

// As wide as the processor's vectors, like the kernels it is compared with.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
void triad(std::int64_t n, const float* b, const float* c, float* a) {
  for (std::int64_t i = 0; i < n; ++i) a[i] = b[i] + 3.0F * c[i];
}

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
      triad(count, arrays.b.data() + first, arrays.c.data() + first, arrays.a.data() + first);
      benchmark::ClobberMemory();
    });
  };
  // Seconds a pass takes, over at least `seconds` of them.
  const auto time = [&](double seconds) {
    std::chrono::duration<double> elapsed{};
    std::int64_t passes = 0;
    const auto start = Clock::now();
    do {
      pass();
      ++passes;
      elapsed = Clock::now() - start;
    } while (elapsed.count() < seconds);
    return elapsed.count() / static_cast<double>(passes);
  };
  // Touches the pages, and lasts until each thread has a processor of its own (simd/fma_peak.cpp).
  time(executor.threads() > 1 ? 0.05 : 0.0);
  return 12.0 * static_cast<double>(n) / time(kSeconds);
}

}  // namespace tilewise::bench
