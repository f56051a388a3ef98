#pragma once

#include "tilewise/simd/kernels/narrow_integers.hpp"
#include "tilewise/simd/kernels/vector.hpp"

namespace tilewise::simd {

template <class Arch>
void add(std::int64_t n, const float* src, float* dst) noexcept {
  for_each_vector<Arch>(n, [=](std::int64_t i, std::int64_t count) {
    store_some<Arch>(dst + i, count,
                     load_some<Arch>(dst + i, count) + load_some<Arch>(src + i, count));
  });
}

template <class Arch>
void scale_bytes(std::int64_t n, const std::uint8_t* src, float scale, float* dst) noexcept {
  const Vec<Arch> factor(scale);
  std::int64_t i = 0;
  for (; i + kWidth<Arch> <= n; i += kWidth<Arch>) {
    (factor * load_bytes<Arch>(src + i)).store_unaligned(dst + i);
  }
  for (; i < n; ++i) dst[i] = scale * static_cast<float>(src[i]);
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

/// d_bias += R rows of d_dst: column by column, but in pieces so short that rows are read from end to end.
template <class Arch, int R>
[[gnu::always_inline]] inline void sum_rows(std::int64_t channels, const float* d_dst, float* d_bias) {
  for_each_vector<Arch>(channels, [=](std::int64_t c, std::int64_t count) {
    Vec<Arch> sum = load_some<Arch>(d_bias + c, count);
    TILEWISE_UNROLL for (int r = 0; r < R; ++r) sum += load_some<Arch>(d_dst + r * channels + c, count);
    store_some<Arch>(d_bias + c, count, sum);
  });
}

/// d_bias += rows of d_dst, NV vectors wide.
template <class Arch, int NV>
[[gnu::always_inline]] inline void add_whole_rows(std::int64_t rows, const float* d_dst, float* d_bias) {
  constexpr std::int64_t W = kWidth<Arch>;
  Vec<Arch> sums[NV];
  TILEWISE_UNROLL for (int v = 0; v < NV; ++v) sums[v] = load<Arch>(d_bias + v * W);
  for (std::int64_t row = 0; row < rows; ++row, d_dst += NV * W) {
    TILEWISE_UNROLL for (int v = 0; v < NV; ++v) sums[v] += load<Arch>(d_dst + v * W);
  }
  TILEWISE_UNROLL for (int v = 0; v < NV; ++v) sums[v].store_unaligned(d_bias + v * W);
}

// Rows for whose sums there are registers, or of a part of two vectors, are summed to the end; of others so many at a
// time that sums are loaded and stored an eighth as often.
template <class Arch>
[[gnu::flatten]] void bias_gradient(std::int64_t rows, std::int64_t channels, const float* d_dst,
                                    float* d_bias) noexcept {
  const auto whole_rows = [&]<int NV>() { add_whole_rows<Arch, NV>(rows, d_dst, d_bias); };
  if (as_whole_vectors<Arch, kMostSums<Arch>>(channels, whole_rows)) return;
  if (channels <= 2 * kWidth<Arch>) {
    for_each_vector<Arch>(channels, [=](std::int64_t c, std::int64_t count) {
      Vec<Arch> sum = load_some<Arch>(d_bias + c, count);
      for (std::int64_t row = 0; row < rows; ++row) {
        sum += load_some<Arch>(d_dst + row * channels + c, count);
      }
      store_some<Arch>(d_bias + c, count, sum);
    });
    return;
  }
  constexpr int kRows = 8;
  for (; rows >= kRows; rows -= kRows, d_dst += kRows * channels) {
    sum_rows<Arch, kRows>(channels, d_dst, d_bias);
  }
  for (; rows > 0; --rows, d_dst += channels) sum_rows<Arch, 1>(channels, d_dst, d_bias);
}

}  // namespace tilewise::simd
