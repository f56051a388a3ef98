#include "bench/library.hpp"
#include "tilewise/core/aligned_buffer.hpp"

#if defined(TILEWISE_BENCH_MKL)
#include <mkl_cblas.h>
#include <mkl_service.h>
#else
#include <cblas.h>
#endif

#include <algorithm>

namespace tilewise::bench {
namespace {

#if defined(TILEWISE_BENCH_MKL)
constexpr const char* kName = "mkl";
constexpr int kSpinning = 250;
void set_threads(int threads) { mkl_set_num_threads(threads); }
std::string describe() {
  char text[200];
  mkl_get_version_string(text, sizeof(text));
  return text;
}
#else
constexpr const char* kName = "openblas";
constexpr int kSpinning = 35;
void set_threads(int threads) { openblas_set_num_threads(threads); }
std::string describe() { return openblas_get_config(); }
#endif

class Gemm final : public Contender {
 public:
  Gemm(const Case& c, int threads)
      : threads_(threads),
        args_(std::get<GemmProblem>(c.shape.problem).args()),
        a_(args_.m * args_.k),
        b_(args_.k * args_.n),
        c_(args_.m * args_.n) {
    std::ranges::copy(operand(c, 0, a_.size()), a_.data());
    std::ranges::copy(operand(c, 1, b_.size()), b_.data());
  }

  void run() override {
    set_threads(threads_);
    const auto transpose = [](simd::Transpose t) {
      return t == simd::Transpose::no ? CblasNoTrans : CblasTrans;
    };
    const auto n = [](std::int64_t size) { return static_cast<int>(size); };
    cblas_sgemm(CblasRowMajor, transpose(args_.transpose_a), transpose(args_.transpose_b), n(args_.m),
                n(args_.n), n(args_.k), 1.0F, a_.data(), n(args_.lda), b_.data(), n(args_.ldb), 0.0F,
                c_.data(), n(args_.ldc));
  }

  std::vector<float> result() override { return {c_.data(), c_.data() + c_.size()}; }

 private:
  int threads_;
  simd::GemmArgs args_;
  AlignedBuffer<float> a_, b_, c_;
};

class Blas final : public Library {
 public:
  std::string name() const override { return kName; }
  std::string version() const override { return describe(); }
  bool has(const Case& c) const override { return c.operation == "gemm"; }
  // OpenBLAS: 2^26 cycles (OPENBLAS_THREAD_TIMEOUT); MKL, on Intel's OpenMP: 200 ms (KMP_BLOCKTIME)
  std::chrono::milliseconds spinning() const override { return std::chrono::milliseconds(kSpinning); }
  std::unique_ptr<Contender> prepare(const Case& c, Executor& executor) const override {
    return std::make_unique<Gemm>(c, executor.threads());
  }
};

}  // namespace

std::unique_ptr<Library> blas_library() { return std::make_unique<Blas>(); }

}  // namespace tilewise::bench
