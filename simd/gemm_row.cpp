#include "tilewise/simd/gemm_row.hpp"

#include <algorithm>
#include <numeric>

#include "tilewise/simd/blocking.hpp"
#include "tilewise/simd/gemm_blocked.hpp"

namespace tilewise::simd {
namespace {

/// One task a thread: the longer the pieces in which B is read, the better.
constexpr std::int64_t kTasksAThread = 1;
/// Columns at a time: whole lines of B, and at most 4 KB of C, which stays in L1.
constexpr std::int64_t kColumns = 64, kMostColumns = 1024;

/// A B of so many floats, 4 MB, is not in L2.
constexpr std::int64_t kFarFloats = 1024 * 1024;

/// Whether tasks have whole rows of B, as far as these can be shared evenly, rather than columns: each then reads from
/// end to end what would be pieces of 4 KB or less. Not where B may be in L2, which delivers pieces as fast.
bool shares_rows(const GemmArgs& args, std::int64_t tasks) {
  return args.n <= tasks * kMostColumns && args.k * args.n >= kFarFloats;
}

std::int64_t row_floats(std::int64_t n) { return std::min(round_up(n, kColumns), kMostColumns); }

}  // namespace

bool pays_as_row(const GemmArgs& args) {
  return args.m == 1 && args.transpose_b == Transpose::no && args.alpha == 1;
}

std::int64_t gemm_row_workspace(int threads, std::int64_t n, std::int64_t k) {
  const bool may_keep = threads > 1 && k * n >= kFarFloats;
  const std::int64_t kept = most_gemm_steps(k) * round_up_to_line(std::min(n, threads * kMostColumns));
  return threads * row_floats(n) + (may_keep ? kept : 0);
}

void gemm_row(const KernelTable& widest, Executor& executor, const GemmArgs& args, Workspace workspace) {
  // Cut in k, and computed by, what a product of more rows would be.
  const GemmBlocking blocking = choose_gemm_blocking(widest, gemm_shape(args), 1);
  const KernelTable& kernels = *blocking.kernels;
  const std::int64_t a_stride = args.transpose_a == Transpose::no ? 1 : args.lda;
  // An element of B takes about as long to read as three to multiply.
  const double work = 3 * gemm_multiply_adds(1, args.n, args.k);
  const std::int64_t wanted = task_count(work, executor.threads(), kTasksAThread);
  const std::int64_t steps = ceil_div(args.k, blocking.kc);
  const std::int64_t parts = shares_rows(args, wanted) ? std::gcd(steps, wanted) : 1;
  const std::int64_t groups = ceil_div(args.n, kColumns);
  const EvenSplit columns(groups, std::min(kMostColumns / kColumns, ceil_div(groups, wanted / parts)));
  float* const memory = workspace.take(executor.threads() * row_floats(args.n));
  // Sums of all parts but the first are kept, to be added in order.
  const std::int64_t at_once = steps / parts, kept_floats = round_up_to_line(args.n);
  float* const kept = workspace.take((steps - at_once) * kept_floats);
  executor.parallel_for(parts * columns.pieces, kMultiplyAddNanoseconds * work, [&](std::int64_t task, int worker) {
    const std::int64_t part = task / columns.pieces, piece = task - part * columns.pieces;
    const std::int64_t j = columns.begin(piece) * kColumns;
    const std::int64_t n = std::min(args.n - j, columns.size(piece) * kColumns);
    float* const c = args.c + j;
    if (part == 0 && args.beta != 1) scale_rows(1, n, args.beta, c, n);
    for (std::int64_t step = part * at_once; step < (part + 1) * at_once; ++step) {
      const std::int64_t p = step * blocking.kc;
      const bool first = p == 0 && args.beta == 0;  // C is zero: the sums can be made there
      float* const sums = first      ? c
                          : part > 0 ? kept + (step - at_once) * kept_floats + j
                                     : memory + worker * row_floats(args.n);
      if (!first) std::fill_n(sums, n, 0.0F);
      kernels.add_rows(std::min(blocking.kc, args.k - p), n, args.a + p * a_stride, a_stride,
                       args.b + p * args.ldb + j, args.ldb, sums);
      if (!first && part == 0) kernels.add(n, sums, c);
    }
  });
  for (std::int64_t step = at_once; step < steps; ++step) {
    kernels.add(args.n, kept + (step - at_once) * kept_floats, args.c);
  }
}

}  // namespace tilewise::simd
