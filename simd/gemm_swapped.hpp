#pragma once

#include <cstdint>

#include "tilewise/core/parallel.hpp"
#include "tilewise/core/workspace.hpp"
#include "tilewise/simd/gemm.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {

/// Whether to compute C^T = op(B)^T op(A)^T and transpose it: vectors along the rows of C do badly, and A is
/// transposed, so that its rows are used as they are, as those of B. Not where alpha scales B.
bool pays_swapped(const KernelTable& kernels, const GemmArgs& args);

/// Floats of workspace for any such product of at most n columns and k terms.
std::int64_t gemm_swapped_workspace(const KernelTable& kernels, int threads, std::int64_t n, std::int64_t k);

/// Computes `args`, as gemm(), and to the same bits as in blocks.
void gemm_swapped(const KernelTable& kernels, Executor& executor, const GemmArgs& args, Workspace workspace);

}  // namespace tilewise::simd
