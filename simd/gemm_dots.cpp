#include "tilewise/simd/gemm_dots.hpp"

#include <algorithm>

#include "tilewise/simd/blocking.hpp"

namespace tilewise::simd {
namespace {

/// Terms that are summed before their lanes are: rows of A and of a packed B stay in L1 and L2.
constexpr std::int64_t kMostTerms = 4096;

std::int64_t packed_row_floats(std::int64_t k) { return round_up(k, 16) + 16; }

}  // namespace

bool pays_as_dots(const KernelTable& kernels, const GemmArgs& args) {
  return args.transpose_a == Transpose::no && args.k >= 16 * kernels.vector_floats &&
         wastes_vectors(kernels, args.n);
}

std::int64_t gemm_dots_workspace(int threads, std::int64_t n, std::int64_t k) {
  return threads * std::min(n, kNarrowColumns) * packed_row_floats(k) + workspace_floats_of<std::int32_t>(threads);
}

void gemm_dots(const KernelTable& kernels, Executor& executor, const GemmArgs& args, Workspace workspace) {
  const bool packs = args.transpose_b == Transpose::no;
  const std::int64_t packed_row = packed_row_floats(args.k), packed_size = packs ? args.n * packed_row : 0;
  // Each thread packs B for itself, in its first task: what another has just written it would wait for longer.
  float* const memory = workspace.take(executor.threads() * packed_size);
  auto* const has_packed = workspace.take_array<std::int32_t>(executor.threads());
  std::fill_n(has_packed, executor.threads(), 0);
  const double work = gemm_multiply_adds(args.m, args.n, args.k);
  const EvenSplit tasks(args.m, ceil_div(args.m, task_count(work, executor.threads())));
  executor.parallel_for(tasks.pieces, kMultiplyAddNanoseconds * work, [&](std::int64_t task, int worker) {
    float* const packed = memory + worker * packed_size;
    if (packs && has_packed[worker] == 0) {
      kernels.transpose(args.k, args.n, args.b, args.ldb, packed, packed_row, 0);
      has_packed[worker] = 1;
    }
    const std::int64_t i = tasks.begin(task);
    for (std::int64_t p = 0; p < args.k; p += kMostTerms) {
      kernels.dots({.m = tasks.size(task),
                    .n = args.n,
                    .k = std::min(kMostTerms, args.k - p),
                    .alpha = args.alpha,
                    .a = args.a + i * args.lda + p,
                    .lda = args.lda,
                    .b = (packs ? packed : args.b) + p,
                    .ldb = packs ? packed_row : args.ldb,
                    .beta = p == 0 ? args.beta : 1,
                    .c = args.c + i * args.ldc,
                    .ldc = args.ldc});
    }
  });
}

}  // namespace tilewise::simd
