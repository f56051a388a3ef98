#pragma once

#include <cstdint>

#include "tilewise/core/parallel.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {

/// Floating-point operations of so many iterations of the kernel fma_peak: a multiply-add counts as two.
double fma_peak_operations(const KernelTable& kernels, std::int64_t iterations);

/// Measures, for about `seconds`, the most floating-point operations a second that the executor's
/// threads reach together with this instruction set: multiply-adds on registers and nothing else.
double measure_fma_peak(const KernelTable& kernels, Executor& executor, double seconds = 0.03);

}  // namespace tilewise::simd
