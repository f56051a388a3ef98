#include "tilewise/simd/fma_peak.hpp"

#include <algorithm>
#include <chrono>

namespace tilewise::simd {
namespace {

using Clock = std::chrono::steady_clock;

/// Operations a second of `chunks` runs of the kernel, spread over the threads.
double rate(const KernelTable& kernels, Executor& executor, std::int64_t chunks,
            std::int64_t iterations) {
  const auto start = Clock::now();
  executor.parallel_for(chunks, 1e9, [&](std::int64_t, int) {
    volatile float sink = kernels.fma_peak(iterations);
    static_cast<void>(sink);
  });
  const std::chrono::duration<double> elapsed = Clock::now() - start;
  return static_cast<double>(chunks) * fma_peak_operations(kernels, iterations) / elapsed.count();
}

}  // namespace

double fma_peak_operations(const KernelTable& kernels, std::int64_t iterations) {
  return 2 * static_cast<double>(kPeakChains * kernels.vector_floats) * static_cast<double>(iterations);
}

double measure_fma_peak(const KernelTable& kernels, Executor& executor, double seconds) {
  // Chunks of a fraction of a millisecond, many a thread, so that a thread that is held up for a
  // moment leaves its share to the others. The first rounds tell how fast the threads are, and last
  // until each has a processor of its own: Linux wakes a thread where the one that woke it runs, and
  // may take tens of milliseconds to move it.
  constexpr std::int64_t kIterations = 20'000;
  constexpr double kSettled = 0.05;
  const std::int64_t threads = executor.threads();
  const double operations = fma_peak_operations(kernels, kIterations);
  const auto chunks = [=](double speed, double time) {
    return std::max(4 * threads, static_cast<std::int64_t>(speed * time / operations));
  };
  double speed = rate(kernels, executor, 4 * threads, kIterations);
  if (threads > 1) speed = rate(kernels, executor, chunks(speed, kSettled), kIterations);
  return rate(kernels, executor, chunks(speed, seconds), kIterations);
}

}  // namespace tilewise::simd
