#include "tilewise/simd/gemm_dots.hpp"

#include <algorithm>

#include "tilewise/simd/blocking.hpp"

namespace tilewise::simd {
namespace {

/// Terms that are summed before their lanes are, and columns of B that are packed at once.
constexpr std::int64_t kMostTerms = 4096;

std::int64_t packed_row_floats(std::int64_t k) { return round_up(std::min(k, kMostTerms), 16) + 16; }

}  // namespace

bool pays_as_dots(const KernelTable& kernels, const GemmArgs& args) {
  return args.transpose_a == Transpose::no && args.k >= 16 * kernels.vector_floats &&
         wastes_vectors(kernels, args.n);
}

std::int64_t gemm_dots_workspace(int threads, std::int64_t n, std::int64_t k) {
  return threads * std::min(n, kNarrowColumns) * packed_row_floats(k) + workspace_floats_of<std::int64_t>(threads);
}

void gemm_dots(const KernelTable& kernels, Executor& executor, const GemmArgs& args, Workspace workspace) {
  const bool packs = args.transpose_b == Transpose::no;
  const std::int64_t row = packed_row_floats(args.k), panel = packs ? args.n * row : 0;
  // Each thread packs B for itself: what another has just written it would wait for longer. Of few terms its first
  // task does so for all.
  float* const memory = workspace.take(executor.threads() * panel);
  auto* const packed_from = workspace.take_array<std::int64_t>(executor.threads());
  std::fill_n(packed_from, executor.threads(), -1);
  // To pack B takes about as long as to multiply it by four rows.
  const double work = gemm_multiply_adds(args.m + (packs ? 4 : 0), args.n, args.k);
  const EvenSplit tasks(args.m, ceil_div(args.m, task_count(work, executor.threads())));
  executor.parallel_for(tasks.pieces, kMultiplyAddNanoseconds * work, [&](std::int64_t task, int worker) {
    const std::int64_t i = tasks.begin(task);
    for (std::int64_t p = 0; p < args.k; p += kMostTerms) {
      const std::int64_t k = std::min(kMostTerms, args.k - p);
      float* const packed = memory + worker * panel;
      if (packs && packed_from[worker] != p) {
        kernels.transpose(k, args.n, args.b + p * args.ldb, args.ldb, packed, row, 0);
        packed_from[worker] = p;
      }
      kernels.dots({.m = tasks.size(task),
                    .n = args.n,
                    .k = k,
                    .alpha = args.alpha,
                    .a = args.a + i * args.lda + p,
                    .lda = args.lda,
                    .b = packs ? packed : args.b + p,
                    .ldb = packs ? row : args.ldb,
                    .beta = p == 0 ? args.beta : 1,
                    .c = args.c + i * args.ldc,
                    .ldc = args.ldc});
    }
  });
}

}  // namespace tilewise::simd
