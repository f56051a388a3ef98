#include <algorithm>

#include "bench/bench.hpp"
#include "bench/shape_list.hpp"
#include "support/random_data.hpp"
#include "support/reference.hpp"
#include "tilewise/core/aligned_buffer.hpp"
#include "tilewise/simd/conv_backward_data.hpp"
#include "tilewise/simd/conv_backward_weights.hpp"
#include "tilewise/simd/conv_forward.hpp"

namespace tilewise::bench {
namespace {

using testing::Pattern;
using testing::random_values;

constexpr double kAlwaysParallel = 1e9;  // nanoseconds

/// Data of one case, in small integers.
struct Data {
  explicit Data(const ConvCase& c)
      : src(random_values(c.batch * c.shape.src_size(), 1, Pattern::integers)),
        wei(random_values(c.shape.wei_size(), 2, Pattern::integers)),
        bias(random_values(c.shape.oc, 3, Pattern::integers)),
        dst(random_values(c.batch * c.shape.dst_size(), 4, Pattern::integers)) {}

  std::vector<float> src, wei, bias, dst;
};

void forward(benchmark::State& state, const ConvCase& c, Executor& executor) {
  const simd::ConvForward conv(simd::default_kernels(), c.shape);
  Data data(c);
  AlignedBuffer<float> packed(conv.packed_floats());
  AlignedBuffer<float> scratch(executor.threads() * conv.scratch_floats());
  const auto batch = [&] {
    conv.pack(data.wei.data(), packed.data());
    executor.parallel_for(c.batch, kAlwaysParallel, [&](std::int64_t image, int worker) {
      conv.image(data.src.data() + image * c.shape.src_size(), packed.data(), data.bias.data(), 0.0F,
                 data.dst.data() + image * c.shape.dst_size(),
                 Workspace(scratch.data() + worker * conv.scratch_floats(), conv.scratch_floats()));
    });
  };

  batch();
  std::vector<float> expected(static_cast<std::size_t>(c.shape.dst_size()));
  reference::conv_forward(c.shape, data.src.data(), data.wei.data(), data.bias.data(), 0.0F,
                          expected.data());
  if (!verify(state, data.dst, expected)) return;
  for (auto _ : state) batch();
}

void backward_data(benchmark::State& state, const ConvCase& c, Executor& executor) {
  const simd::ConvBackwardData conv(simd::default_kernels(), c.shape);
  Data data(c);
  AlignedBuffer<float> packed(conv.packed_floats());
  const auto batch = [&] {
    conv.pack(data.wei.data(), packed.data());
    executor.parallel_for(c.batch, kAlwaysParallel, [&](std::int64_t image, int) {
      conv.image(data.dst.data() + image * c.shape.dst_size(), packed.data(),
                 data.src.data() + image * c.shape.src_size());
    });
  };

  batch();
  std::vector<float> expected(static_cast<std::size_t>(c.shape.src_size()));
  reference::conv_backward_data(c.shape, data.dst.data(), data.wei.data(), expected.data());
  if (!verify(state, data.src, expected)) return;
  for (auto _ : state) batch();
}

void backward_weights(benchmark::State& state, const ConvCase& c, Executor& executor) {
  const simd::KernelTable& kernels = simd::default_kernels();
  const simd::ConvBackwardWeights conv(kernels, c.shape);
  const Data data(c);
  // As a convolution layer does it: a sum per chunk of images, then the sum of those.
  constexpr std::int64_t kChunkImages = 8;
  const std::int64_t chunks = (c.batch + kChunkImages - 1) / kChunkImages;
  const std::int64_t size = c.shape.wei_size();
  AlignedBuffer<float> sums(chunks * size);
  AlignedBuffer<float> scratch(executor.threads() * conv.scratch_floats());
  const auto batch = [&] {
    executor.parallel_for(chunks, kAlwaysParallel, [&](std::int64_t chunk, int worker) {
      const Workspace workspace(scratch.data() + worker * conv.scratch_floats(), conv.scratch_floats());
      std::fill_n(sums.data() + chunk * size, size, 0.0F);
      const std::int64_t end = std::min(c.batch, (chunk + 1) * kChunkImages);
      for (std::int64_t image = chunk * kChunkImages; image < end; ++image) {
        conv.image(data.src.data() + image * c.shape.src_size(),
                   data.dst.data() + image * c.shape.dst_size(), sums.data() + chunk * size, workspace);
      }
    });
    for (std::int64_t chunk = 1; chunk < chunks; ++chunk) {
      kernels.add(size, sums.data() + chunk * size, sums.data());
    }
  };

  batch();
  std::vector<float> expected(static_cast<std::size_t>(size));
  for (std::int64_t image = 0; image < c.batch; ++image) {
    reference::conv_backward_weights(c.shape, data.src.data() + image * c.shape.src_size(),
                                     data.dst.data() + image * c.shape.dst_size(), expected.data());
  }
  if (!verify(state, sums.span(), expected)) return;
  for (auto _ : state) batch();
}

using Pass = void (*)(benchmark::State&, const ConvCase&, Executor&);

void run(benchmark::State& state, const ConvCase& conv_case, Pass pass, int threads) {
  Executor executor(threads);
  pass(state, conv_case, executor);
  report_flops(state, executor,
               2 * conv_case.shape.multiply_adds() * static_cast<double>(conv_case.batch));
}

}  // namespace

void register_conv(const std::string& shapes, int threads) {
  const std::pair<const char*, Pass> passes[] = {{"conv_forward", forward},
                                                 {"conv_backward_data", backward_data},
                                                 {"conv_backward_weights", backward_weights}};
  for (const ConvCase& conv_case : read_conv_cases(shapes)) {
    for (const auto& [name, pass] : passes) {
      for (const int count : thread_counts(threads)) {
        benchmark::RegisterBenchmark((std::string(name) + "/tilewise/" + conv_case.name +
                                      "/threads:" + std::to_string(count))
                                         .c_str(),
                                     [=, pass = pass](benchmark::State& state) {
                                       run(state, conv_case, pass, count);
                                     })
            ->UseRealTime();
      }
    }
  }
}

}  // namespace tilewise::bench
