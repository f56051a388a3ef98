// The kernels that move memory rather than multiply, on the sizes that the MNIST convnet gives them.

#include <map>

#include "bench/bench.hpp"
#include "support/random_data.hpp"
#include "support/reference.hpp"

namespace tilewise::bench {
namespace {

using testing::random_values;

constexpr std::int64_t kFloats = 26 * 26 * 32;  // one image of the first activation
constexpr simd::MaxPoolGeometry kPool{
    .ih = 26, .iw = 26, .oh = 13, .ow = 13, .channels = 32,
    .kh = 2,  .kw = 2,  .stride_h = 2,      .stride_w = 2};

/// Times `body` and reports the bytes that it reads and writes.
template <class Body>
void time_bytes(benchmark::State& state, std::int64_t bytes, Body body) {
  for (auto _ : state) {
    body();
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * bytes);
}

using Values = std::vector<float>;

// One benchmark a kernel of simd/kernel_table.hpp; a kernel without one does not compile, see below.
struct Benches {
  static const simd::KernelTable& k() { return simd::default_kernels(); }

  static void add(benchmark::State& state) {
    const Values src = random_values(kFloats, 1);
    Values dst = random_values(kFloats, 2), expected = dst;
    reference::add(kFloats, src.data(), expected.data());
    k().add(kFloats, src.data(), dst.data());
    if (!verify(state, dst, expected)) return;
    time_bytes(state, 12 * kFloats, [&] { k().add(kFloats, src.data(), dst.data()); });
  }

  static void scale_bytes(benchmark::State& state) {
    std::vector<std::uint8_t> src(kFloats);
    for (std::size_t i = 0; i < src.size(); ++i) src[i] = static_cast<std::uint8_t>(i);
    Values dst(kFloats), expected(kFloats);
    reference::scale_bytes(kFloats, src.data(), 0.5F, expected.data());
    k().scale_bytes(kFloats, src.data(), 0.5F, dst.data());
    if (!verify(state, dst, expected)) return;
    time_bytes(state, 5 * kFloats, [&] { k().scale_bytes(kFloats, src.data(), 0.5F, dst.data()); });
  }

  static void relu_forward(benchmark::State& state) {
    const Values src = random_values(kFloats, 1);
    Values dst(kFloats), expected(kFloats);
    reference::relu_forward(kFloats, src.data(), expected.data());
    k().relu_forward(kFloats, src.data(), dst.data());
    if (!verify(state, dst, expected)) return;
    time_bytes(state, 8 * kFloats, [&] { k().relu_forward(kFloats, src.data(), dst.data()); });
  }

  static void relu_backward(benchmark::State& state) {
    const Values dst = random_values(kFloats, 1), d_dst = random_values(kFloats, 2);
    Values d_src(kFloats), expected(kFloats);
    reference::relu_backward(kFloats, dst.data(), d_dst.data(), expected.data());
    k().relu_backward(kFloats, dst.data(), d_dst.data(), d_src.data());
    if (!verify(state, d_src, expected)) return;
    time_bytes(state, 12 * kFloats,
               [&] { k().relu_backward(kFloats, dst.data(), d_dst.data(), d_src.data()); });
  }

  static void bias_gradient(benchmark::State& state) {
    const Values d_dst = random_values(kFloats, 1);
    Values d_bias(32), expected(32);
    reference::bias_gradient(kFloats / 32, 32, d_dst.data(), expected.data());
    k().bias_gradient(kFloats / 32, 32, d_dst.data(), d_bias.data());
    if (!verify(state, d_bias, expected)) return;
    time_bytes(state, 4 * kFloats,
               [&] { k().bias_gradient(kFloats / 32, 32, d_dst.data(), d_bias.data()); });
  }

  static void max_pool_forward(benchmark::State& state) {
    const Values src = random_values(kFloats, 1);
    Values dst(kFloats / 4), expected(kFloats / 4);
    std::vector<std::int32_t> argmax(kFloats / 4);
    reference::max_pool_forward(kPool, src.data(), expected.data(), argmax.data());
    k().max_pool_forward(kPool, src.data(), dst.data(), argmax.data());
    if (!verify(state, dst, expected)) return;
    time_bytes(state, 4 * kFloats + 8 * kFloats / 4,
               [&] { k().max_pool_forward(kPool, src.data(), dst.data(), argmax.data()); });
  }

  static void max_pool_backward(benchmark::State& state) {
    const Values src = random_values(kFloats, 1), d_dst = random_values(kFloats / 4, 2);
    Values dst(kFloats / 4), d_src(kFloats), expected(kFloats);
    std::vector<std::int32_t> argmax(kFloats / 4);
    reference::max_pool_forward(kPool, src.data(), dst.data(), argmax.data());
    reference::max_pool_backward(kPool, d_dst.data(), argmax.data(), expected.data());
    k().max_pool_backward(kPool, d_dst.data(), argmax.data(), d_src.data());
    if (!verify(state, d_src, expected)) return;
    time_bytes(state, 4 * kFloats + 8 * kFloats / 4,
               [&] { k().max_pool_backward(kPool, d_dst.data(), argmax.data(), d_src.data()); });
  }

  static void dropout(benchmark::State& state) {
    const simd::DropoutArgs args{.key = {1, 2}, .counter = {3, 4, 5}, .threshold = 1U << 31, .scale = 2};
    const Values src = random_values(kFloats, 1);
    Values dst(kFloats), expected(kFloats);
    reference::dropout(args, 0, kFloats, src.data(), expected.data());
    k().dropout(args, 0, kFloats, src.data(), dst.data());
    if (!verify(state, dst, expected)) return;
    time_bytes(state, 8 * kFloats, [&] { k().dropout(args, 0, kFloats, src.data(), dst.data()); });
  }

  static constexpr std::int64_t kRows = 128, kClasses = 10;

  // Exponentials differ in the last bits from the C library's: these three are timed here and checked
  // by the tests, whose bounds they need.
  static void softmax(benchmark::State& state) {
    const Values src = random_values(kRows * kClasses, 1);
    Values dst(src.size());
    time_bytes(state, 8 * kRows * kClasses,
               [&] { k().softmax(kRows, kClasses, src.data(), dst.data()); });
  }
  static void softmax_backward(benchmark::State& state) {
    const Values dst = random_values(kRows * kClasses, 1), d_dst = random_values(kRows * kClasses, 2);
    Values d_src(dst.size());
    time_bytes(state, 12 * kRows * kClasses, [&] {
      k().softmax_backward(kRows, kClasses, dst.data(), d_dst.data(), d_src.data());
    });
  }
  static void softmax_cross_entropy(benchmark::State& state) {
    const Values logits = random_values(kRows * kClasses, 1);
    const std::vector<std::int32_t> labels(kRows, 3);
    Values losses(kRows), d_logits(logits.size());
    time_bytes(state, 8 * kRows * kClasses, [&] {
      k().softmax_cross_entropy(kRows, kClasses, logits.data(), labels.data(), 1.0F / kRows,
                                losses.data(), d_logits.data());
    });
  }

  static void adam_update(benchmark::State& state) {
    const Values gradient = random_values(kFloats, 1);
    Values m(kFloats), v(kFloats), weights(kFloats);
    const simd::AdamArgs args{.rate = 1e-3F, .beta1 = 0.9F, .beta2 = 0.999F, .epsilon = 1e-7F};
    time_bytes(state, 28 * kFloats, [&] {
      k().adam_update(args, kFloats, gradient.data(), m.data(), v.data(), weights.data());
    });
  }
  static void sgd_update(benchmark::State& state) {
    const Values gradient = random_values(kFloats, 1);
    Values velocity(kFloats), weights(kFloats);
    time_bytes(state, 20 * kFloats, [&] {
      k().sgd_update(1e-3F, 0.9F, kFloats, gradient.data(), velocity.data(), weights.data());
    });
  }

  static void fma_peak(benchmark::State& state) {
    Executor executor(1);
    constexpr std::int64_t kIterations = 10'000;
    for (auto _ : state) benchmark::DoNotOptimize(k().fma_peak(kIterations));
    report_flops(state, executor,
                 static_cast<double>(2 * simd::kPeakChains * k().vector_floats * kIterations));
  }
};

}  // namespace

void register_kernels() {
#define TILEWISE_BENCH(name, result, parameters) \
  benchmark::RegisterBenchmark(#name "/tilewise/threads:1", Benches::name)->UseRealTime();
  TILEWISE_KERNELS(TILEWISE_BENCH)
#undef TILEWISE_BENCH
}

}  // namespace tilewise::bench
