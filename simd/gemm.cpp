#include "tilewise/simd/gemm.hpp"

#include <algorithm>
#include <string>

#include "tilewise/core/error.hpp"
#include "tilewise/simd/gemm_blocked.hpp"
#include "tilewise/simd/gemm_dots.hpp"
#include "tilewise/simd/gemm_row.hpp"
#include "tilewise/simd/gemm_swapped.hpp"

namespace tilewise::simd {
namespace {

void check_leading_dimension(const char* name, std::int64_t ld, std::int64_t row) {
  if (ld < std::max<std::int64_t>(1, row)) {
    throw ArgumentError(std::string("gemm: ") + name + " = " + std::to_string(ld) +
                        " is shorter than a row of " + std::to_string(row));
  }
}

void check(const GemmArgs& args) {
  if (args.m < 0 || args.n < 0 || args.k < 0) {
    throw ArgumentError("gemm: m, n, k = " + std::to_string(args.m) + ", " +
                        std::to_string(args.n) + ", " + std::to_string(args.k) +
                        " must not be negative");
  }
  check_leading_dimension("lda", args.lda, args.transpose_a == Transpose::no ? args.k : args.m);
  check_leading_dimension("ldb", args.ldb, args.transpose_b == Transpose::no ? args.n : args.k);
  check_leading_dimension("ldc", args.ldc, args.n);
}

}  // namespace

std::int64_t gemm_workspace(const KernelTable& kernels, int threads, std::int64_t m, std::int64_t n,
                            std::int64_t k) {
  return std::max({threads * gemm_block_bound(kernels, m, n, k), gemm_dots_workspace(threads, n, k),
                   gemm_row_workspace(threads, n, k), gemm_swapped_workspace(kernels, threads, n, k)});
}

std::string gemm_kernel(const KernelTable& kernels, const GemmArgs& args, int threads) {
  if (pays_as_dots(kernels, args)) return "gemm dots";
  if (pays_swapped(kernels, args)) return "gemm swapped";
  if (pays_as_row(args)) return "gemm row";
  return "gemm " + choose_gemm_blocking(kernels, gemm_shape(args), threads).tile.to_string();
}

void gemm(const KernelTable& kernels, Executor& executor, const GemmArgs& args,
          Workspace workspace) {
  check(args);
  if (args.m == 0 || args.n == 0) return;
  if (args.k == 0 || args.alpha == 0) return scale_rows(args.m, args.n, args.beta, args.c, args.ldc);
  if (pays_as_dots(kernels, args)) return gemm_dots(kernels, executor, args, workspace);
  if (pays_swapped(kernels, args)) return gemm_swapped(kernels, executor, args, workspace);
  if (pays_as_row(args)) return gemm_row(kernels, executor, args, workspace);
  gemm_blocked(kernels, executor, args, workspace);
}

}  // namespace tilewise::simd
