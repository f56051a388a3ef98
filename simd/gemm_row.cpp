#include "tilewise/simd/gemm_row.hpp"

#include <algorithm>

#include "tilewise/simd/blocking.hpp"
#include "tilewise/simd/gemm_blocked.hpp"

namespace tilewise::simd {
namespace {

/// One task a thread: the longer the pieces in which rows of B are read, the better.
constexpr std::int64_t kTasksAThread = 1;
/// Columns at a time: whole lines of B, and at most 4 KB of C, which stays in L1.
constexpr std::int64_t kColumns = 64, kMostColumns = 1024;

std::int64_t row_floats(std::int64_t n) { return std::min(round_up(n, kColumns), kMostColumns); }

}  // namespace

bool pays_as_row(const GemmArgs& args) {
  return args.m == 1 && args.transpose_b == Transpose::no && args.alpha == 1;
}

std::int64_t gemm_row_workspace(int threads, std::int64_t n) {
  return threads * row_floats(n);
}

void gemm_row(const KernelTable& widest, Executor& executor, const GemmArgs& args, Workspace workspace) {
  // Cut in k, and computed by, what a product of more rows would be.
  const GemmBlocking blocking = choose_gemm_blocking(widest, gemm_shape(args), 1);
  const KernelTable& kernels = *blocking.kernels;
  const std::int64_t a_stride = args.transpose_a == Transpose::no ? 1 : args.lda;
  // An element of B takes about as long to read as three to multiply.
  const double work = 3 * gemm_multiply_adds(1, args.n, args.k);
  const std::int64_t groups = ceil_div(args.n, kColumns);
  const EvenSplit tasks(groups, std::min(kMostColumns / kColumns,
                                         ceil_div(groups, task_count(work, executor.threads(), kTasksAThread))));
  float* const memory = workspace.take(gemm_row_workspace(executor.threads(), args.n));
  executor.parallel_for(tasks.pieces, kMultiplyAddNanoseconds * work, [&](std::int64_t task, int worker) {
    const std::int64_t j = tasks.begin(task) * kColumns;
    const std::int64_t n = std::min(args.n - j, tasks.size(task) * kColumns);
    float* const c = args.c + j;
    if (args.beta != 1) scale_rows(1, n, args.beta, c, n);
    for (std::int64_t p = 0; p < args.k; p += blocking.kc) {
      const bool first = p == 0 && args.beta == 0;  // C is zero: the sums can be made there
      float* const sums = first ? c : memory + worker * row_floats(args.n);
      if (!first) std::fill_n(sums, n, 0.0F);
      kernels.add_rows(std::min(blocking.kc, args.k - p), n, args.a + p * a_stride, a_stride,
                       args.b + p * args.ldb + j, args.ldb, sums);
      if (!first) kernels.add(n, sums, c);
    }
  });
}

}  // namespace tilewise::simd
