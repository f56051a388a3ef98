#pragma once

#include "tilewise/simd/kernels/vector.hpp"

namespace tilewise::simd {

template <class Arch>
void add(std::int64_t n, const float* src, float* dst) noexcept {
  for_each_vector<Arch>(n, [=](std::int64_t i, std::int64_t count) {
    store_some<Arch>(dst + i, count,
                     load_some<Arch>(dst + i, count) + load_some<Arch>(src + i, count));
  });
}

// A plain loop: xsimd 8.1 converts bytes to floats one at a time, compilers do it in vectors.
template <class Arch>
void scale_bytes(std::int64_t n, const std::uint8_t* src, float scale, float* dst) noexcept {
  for (std::int64_t i = 0; i < n; ++i) dst[i] = scale * static_cast<float>(src[i]);
}

template <class Arch>
void relu_forward(std::int64_t n, const float* src, float* dst) noexcept {
  for_each_vector<Arch>(n, [=](std::int64_t i, std::int64_t count) {
    store_some<Arch>(dst + i, count, relu<Arch>(load_some<Arch>(src + i, count)));
  });
}

template <class Arch>
void relu_backward(std::int64_t n, const float* dst, const float* d_dst, float* d_src) noexcept {
  const Vec<Arch> zero(0.0F);
  for_each_vector<Arch>(n, [=](std::int64_t i, std::int64_t count) {
    const auto positive = load_some<Arch>(dst + i, count) > zero;
    store_some<Arch>(d_src + i, count,
                     xsimd::select(positive, load_some<Arch>(d_dst + i, count), zero));
  });
}

/// d_bias += rows of d_dst, for NV vectors of channels: as many sums at once hide the latency of an addition,
/// and rows are read in long pieces.
template <class Arch, int NV>
[[gnu::always_inline]] inline void add_vectors(std::int64_t rows, std::int64_t channels,
                                               const float* d_dst, float* d_bias) {
  Vec<Arch> sums[NV];
  TILEWISE_UNROLL for (int v = 0; v < NV; ++v) sums[v] = load<Arch>(d_bias + v * kWidth<Arch>);
  for (std::int64_t row = 0; row < rows; ++row, d_dst += channels) {
    TILEWISE_UNROLL for (int v = 0; v < NV; ++v) sums[v] += load<Arch>(d_dst + v * kWidth<Arch>);
  }
  TILEWISE_UNROLL for (int v = 0; v < NV; ++v) sums[v].store_unaligned(d_bias + v * kWidth<Arch>);
}

/// The same for any number of channels.
template <class Arch>
[[gnu::noinline, gnu::flatten]] void add_rows(std::int64_t rows, std::int64_t channels,
                                              const float* d_dst, float* d_bias) noexcept {
  constexpr std::int64_t W = kWidth<Arch>;
  std::int64_t done = 0;
  for (; done + 8 * W <= channels; done += 8 * W) {
    add_vectors<Arch, 8>(rows, channels, d_dst + done, d_bias + done);
  }
  for (; done + 4 * W <= channels; done += 4 * W) {
    add_vectors<Arch, 4>(rows, channels, d_dst + done, d_bias + done);
  }
  d_dst += done;
  d_bias += done;
  for_each_vector<Arch>(channels - done, [=](std::int64_t c, std::int64_t count) {
    Vec<Arch> sum = load_some<Arch>(d_bias + c, count);
    for (std::int64_t row = 0; row < rows; ++row) {
      sum += load_some<Arch>(d_dst + row * channels + c, count);
    }
    store_some<Arch>(d_bias + c, count, sum);
  });
}

// Summed by columns, but in blocks of rows that stay in L2: memory is read from end to end.
template <class Arch>
void bias_gradient(std::int64_t rows, std::int64_t channels, const float* d_dst,
                   float* d_bias) noexcept {
  constexpr std::int64_t kBlockFloats = 24 * 1024;
  if (channels == 0) return;
  const std::int64_t block = channels < kBlockFloats ? kBlockFloats / channels : 1;
  for (; rows > 0; rows -= block, d_dst += block * channels) {
    add_rows<Arch>(rows < block ? rows : block, channels, d_dst, d_bias);
  }
}

}  // namespace tilewise::simd
