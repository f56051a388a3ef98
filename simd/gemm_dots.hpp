#pragma once

#include <cstdint>

#include "tilewise/core/parallel.hpp"
#include "tilewise/core/workspace.hpp"
#include "tilewise/simd/gemm.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {

/// Whether sums should run along vectors: vectors along the rows of C do badly, as for ten classes, A is not
/// transposed, and sums are long. By n and k alone, so that a row of C does not depend on how many there are.
bool pays_as_dots(const KernelTable& kernels, const GemmArgs& args);

/// Floats of workspace for any such product of at most n columns and k terms.
std::int64_t gemm_dots_workspace(int threads, std::int64_t n, std::int64_t k);

/// Computes `args`, as gemm(), from dot products of rows of A and columns of B, which are laid out as rows unless
/// they are.
void gemm_dots(const KernelTable& kernels, Executor& executor, const GemmArgs& args, Workspace workspace);

}  // namespace tilewise::simd
