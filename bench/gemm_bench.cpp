#include "bench/bench.hpp"
#include "bench/shape_list.hpp"
#include "support/random_data.hpp"
#include "support/reference.hpp"
#include "tilewise/core/aligned_buffer.hpp"

namespace tilewise::bench {
namespace {

using testing::Pattern;
using testing::random_values;

void run_gemm(benchmark::State& state, const GemmCase& gemm_case, int threads) {
  const simd::KernelTable& kernels = simd::default_kernels();
  const auto [name, transpose_a, transpose_b, m, n, k] = gemm_case;
  const std::vector<float> a = random_values(m * k, 1, Pattern::integers);
  const std::vector<float> b = random_values(k * n, 2, Pattern::integers);
  std::vector<float> c(static_cast<std::size_t>(m * n));
  const simd::GemmArgs args{.transpose_a = transpose_a,
                            .transpose_b = transpose_b,
                            .m = m,
                            .n = n,
                            .k = k,
                            .a = a.data(),
                            .lda = transpose_a == simd::Transpose::no ? k : m,
                            .b = b.data(),
                            .ldb = transpose_b == simd::Transpose::no ? n : k,
                            .c = c.data(),
                            .ldc = n};
  Executor executor(threads);
  AlignedBuffer<float> memory(simd::gemm_workspace(kernels, threads, m, n, k));
  const Workspace workspace(memory.data(), memory.size());

  simd::gemm(kernels, executor, args, workspace);
  std::vector<float> expected(c.size());
  reference::gemm(args, a.data(), b.data(), expected.data());
  if (!verify(state, c, expected)) return;

  for (auto _ : state) {
    simd::gemm(kernels, executor, args, workspace);
    benchmark::ClobberMemory();
  }
  report_flops(state, executor, 2 * static_cast<double>(m * n) * static_cast<double>(k));
}

}  // namespace

void register_gemm(const std::string& shapes, int threads) {
  for (const GemmCase& gemm_case : read_gemm_cases(shapes)) {
    for (const int count : thread_counts(threads)) {
      benchmark::RegisterBenchmark(
          ("gemm/tilewise/" + gemm_case.name + "/threads:" + std::to_string(count)).c_str(),
          [=](benchmark::State& state) { run_gemm(state, gemm_case, count); })
          ->UseRealTime();
    }
  }
}

}  // namespace tilewise::bench
