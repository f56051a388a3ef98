#pragma once

#include <cstdint>

#include "tilewise/core/parallel.hpp"
#include "tilewise/core/workspace.hpp"
#include "tilewise/simd/gemm.hpp"

namespace tilewise::simd {

/// Whether C is a single row, and B lies so that its rows can be added up: a dense layer's image that comes alone.
bool pays_as_row(const GemmArgs& args);

/// Floats of workspace for any such product of at most n columns and k terms.
std::int64_t gemm_row_workspace(int threads, std::int64_t n, std::int64_t k);

/// Computes `args`, as gemm(), as a sum of the rows of B, which is read once and from end to end: that takes longer
/// than to multiply. The same bits as gemm_blocked(), however many rows C has there.
void gemm_row(const KernelTable& kernels, Executor& executor, const GemmArgs& args, Workspace workspace);

}  // namespace tilewise::simd
