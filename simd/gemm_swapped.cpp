#include "tilewise/simd/gemm_swapped.hpp"

#include <algorithm>

#include "tilewise/simd/blocking.hpp"
#include "tilewise/simd/gemm_blocked.hpp"

namespace tilewise::simd {
namespace {

/// Rows of C at a time: as columns they are narrow, so that sums are cut as those of a narrow C are.
constexpr std::int64_t kRows = kNarrowColumns;

std::int64_t task_floats(const KernelTable& kernels, std::int64_t n, std::int64_t k) {
  const std::int64_t rows = std::min(n, kNarrowColumns);
  return rows * kRows + gemm_block_bound(kernels, rows, kRows, k);
}

}  // namespace

bool pays_swapped(const KernelTable& kernels, const GemmArgs& args) {
  constexpr std::int64_t kFewTerms = 16;  // transposing C would take as long
  return args.transpose_a == Transpose::yes && args.alpha == 1 && args.m >= kRows && args.k >= kFewTerms &&
         wastes_vectors(kernels, args.n);
}

std::int64_t gemm_swapped_workspace(const KernelTable& kernels, int threads, std::int64_t n, std::int64_t k) {
  return threads * task_floats(kernels, n, k);
}

void gemm_swapped(const KernelTable& kernels, Executor& executor, const GemmArgs& args, Workspace workspace) {
  const GemmArgs most{.transpose_a = args.transpose_b == Transpose::no ? Transpose::yes : Transpose::no,
                      .m = args.n,
                      .n = kRows,
                      .k = args.k,
                      .a = args.b,
                      .lda = args.ldb,
                      .ldb = args.lda,
                      .beta = args.beta,
                      .ldc = kRows};
  const GemmBlocking blocking = choose_gemm_blocking(kernels, gemm_shape(most), 1);
  const std::int64_t floats = task_floats(kernels, args.n, args.k);
  float* const memory = workspace.take(executor.threads() * floats);
  const double work = gemm_multiply_adds(args.m, args.n, args.k);
  const std::int64_t blocks = ceil_div(args.m, kRows);
  const EvenSplit tasks(blocks, ceil_div(blocks, task_count(work, executor.threads())));
  executor.parallel_for(tasks.pieces, kMultiplyAddNanoseconds * work, [&](std::int64_t task, int worker) {
    for (std::int64_t block = tasks.begin(task); block < tasks.begin(task) + tasks.size(task); ++block) {
      Workspace scratch(memory + worker * floats, floats);
      const std::int64_t first = block * kRows;
      float* const c = args.c + first * args.ldc;
      GemmArgs swapped = most;
      swapped.n = std::min(kRows, args.m - first);
      swapped.b = args.a + first;
      swapped.c = scratch.take(args.n * kRows);
      if (args.beta != 0) kernels.transpose(swapped.n, args.n, c, args.ldc, swapped.c, kRows, 0);
      multiply_gemm_block(swapped, blocking, 0, 0, scratch);
      kernels.transpose(args.n, swapped.n, swapped.c, kRows, c, args.ldc, 0);
    }
  });
}

}  // namespace tilewise::simd
