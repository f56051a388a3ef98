#pragma once

#include "tilewise/core/parallel.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {

/// Measures, for about `seconds`, the most floating-point operations a second that the executor's
/// threads reach together with this instruction set: multiply-adds on registers and nothing else.
/// A multiply-add counts as two.
double measure_fma_peak(const KernelTable& kernels, Executor& executor, double seconds = 0.03);

}  // namespace tilewise::simd
