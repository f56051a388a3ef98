#pragma once

// What the benchmark programs share: each case checks its result against a reference before it is
// timed (where rounding differs from the reference's, the tests do), and reports useful work and its share of the FMA peak measured in the same run.

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tilewise/core/parallel.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::bench {

// Each registers its cases for 1 and for `threads` threads.
void register_gemm(const std::string& shapes, int threads);
void register_conv(const std::string& shapes, int threads);
void register_kernels();

/// The thread counts to measure: 1 and, if it is more, `threads`.
std::vector<int> thread_counts(int threads);

/// Reports `flops` per iteration as GFLOP/s, and their share of the FMA peak of the executor's
/// threads, which is measured right then.
void report_flops(benchmark::State& state, Executor& executor, double flops);

/// Whether `actual` agrees with `expected`; if not, the case is reported as failed. Benchmarks use
/// small integers as data, whose sums are exact in float in any order, so agreeing means equal.
bool verify(benchmark::State& state, std::span<const float> actual, std::span<const float> expected);

}  // namespace tilewise::bench
