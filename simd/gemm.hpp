#pragma once

#include <cstdint>
#include <string>

#include "tilewise/core/parallel.hpp"
#include "tilewise/core/workspace.hpp"
#include "tilewise/simd/blocking.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {

/// C = alpha * op(A) * op(B) + beta * C in single precision, row-major, as BLAS's sgemm:
/// op(A) is m x k, op(B) is k x n, C is m x n. A is stored m x k with leading dimension lda, or
/// k x m when transposed; likewise B. C is not read when beta is 0. C overlaps neither A nor B.
struct GemmArgs {
  Transpose transpose_a = Transpose::no;
  Transpose transpose_b = Transpose::no;
  std::int64_t m = 0, n = 0, k = 0;
  float alpha = 1;
  const float* a = nullptr;
  std::int64_t lda = 0;
  const float* b = nullptr;
  std::int64_t ldb = 0;
  float beta = 0;
  float* c = nullptr;
  std::int64_t ldc = 0;
};

/// Floats of workspace that gemm() needs on `threads` threads for any product of at most m x n x k.
std::int64_t gemm_workspace(const KernelTable& kernels, int threads, std::int64_t m, std::int64_t n,
                            std::int64_t k);

/// How a product is computed, for a report: "gemm 6x2" in blocks, by tiles of 6 rows and 2 vectors; "gemm dots" or
/// "gemm swapped" where C is narrow, "gemm row" where it is a row. Of `args` the matrices themselves may be missing.
std::string gemm_kernel(const KernelTable& kernels, const GemmArgs& args, int threads);

/// Computes `args`: loops around the micro-kernel as in BLIS (F. Van Zee, R. van de Geijn, "BLIS: a
/// framework for rapidly instantiating BLAS functionality", doi:10.1145/2764454), but each thread
/// packs what it is about to use; a narrow C, where lanes of vectors along its rows would be idle, by dot products or
/// as its transpose, a single row as a sum of rows of B. Each element of C is summed in an order that n, k and the
/// transposition of A fix, by one thread, or, of a single row, in steps by several: it depends neither on the number of
/// threads nor on m, so an image's result not on its batch.
/// Throws ArgumentError for negative sizes, a leading dimension shorter than a row, less than gemm_workspace() floats.
void gemm(const KernelTable& kernels, Executor& executor, const GemmArgs& args, Workspace workspace);

}  // namespace tilewise::simd
