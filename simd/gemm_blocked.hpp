#pragma once

#include <cstdint>

#include "tilewise/core/parallel.hpp"
#include "tilewise/core/workspace.hpp"
#include "tilewise/simd/blocking.hpp"
#include "tilewise/simd/gemm.hpp"

namespace tilewise::simd {

/// C *= beta, the part of a product that BLAS defines for any beta; 0 overwrites NaN too.
void scale_rows(std::int64_t m, std::int64_t n, float beta, float* c, std::int64_t ldc);

/// As choose_gemm_blocking() takes it.
GemmShape gemm_shape(const GemmArgs& args);

/// One task of `blocking`: a block of C, computed in the memory of one thread. `args` may have fewer rows and columns
/// than `blocking` was chosen for, so long as the block begins within C.
void multiply_gemm_block(const GemmArgs& args, const GemmBlocking& blocking, std::int64_t row_block,
                         std::int64_t panel_block, Workspace workspace);

/// Computes `args`, as gemm(), in blocks, by tiles whose vectors are along the rows of C.
void gemm_blocked(const KernelTable& kernels, Executor& executor, const GemmArgs& args, Workspace workspace);

}  // namespace tilewise::simd
