#pragma once

#include "tilewise/simd/kernel_table.hpp"
#include "tilewise/simd/kernels/vector.hpp"

namespace tilewise::simd {

/// Where pixels of a row come from: the upper left of four neighbours, as an index into src, and how far
/// below and right of it, in 1/256 pixels.
inline constexpr std::int64_t kWarpBlock = 64;
struct WarpPlaces {
  alignas(64) std::int32_t index[kWarpBlock];
  alignas(64) float lower[kWarpBlock];
  alignas(64) float right[kWarpBlock];
};

/// The places of pixels first .. first + count - 1 of a row. A plain loop, which compilers turn into vectors.
template <class Arch, bool shifted>
inline void find_places(const WarpArgs& args, std::int64_t row, std::int64_t first, std::int64_t count,
                        WarpPlaces& places) {
  std::int32_t start[2];
  const float* shifts[2] = {};
  for (int axis = 0; axis < 2; ++axis) {
    start[axis] = static_cast<std::int32_t>(args.origin[axis] + row * args.down[axis] +
                                            first * args.across[axis]);
    if (shifted) shifts[axis] = args.shifts[axis] + row * args.shift_pitch + first;
  }
  const auto rows = static_cast<std::int32_t>(args.rows) * 256;
  const auto columns = static_cast<std::int32_t>(args.columns) * 256;
  const auto channels = static_cast<std::int32_t>(args.channels);
  const auto pitch = static_cast<std::int32_t>(args.columns + 3) * channels;
  const std::int32_t down = args.across[0], right = args.across[1];
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(count); ++i) {
    std::int32_t y = start[0] + i * down;
    std::int32_t x = start[1] + i * right;
    if (shifted) {
      y += static_cast<std::int32_t>(shifts[0][i] * 0x1p16F);
      x += static_cast<std::int32_t>(shifts[1][i] * 0x1p16F);
    }
    y = (y + 128) >> 8;
    x = (x + 128) >> 8;
    y = y < -256 ? -256 : y > rows ? rows : y;
    x = x < -256 ? -256 : x > columns ? columns : x;
    places.index[i] = ((y >> 8) + 1) * pitch + ((x >> 8) + 1) * channels;
    places.lower[i] = static_cast<float>(y & 255);
    places.right[i] = static_cast<float>(x & 255);
  }
}

template <class Arch>
void warp(const WarpArgs& args) noexcept {
  const std::int64_t channels = args.channels;
  const std::int64_t pitch = (args.columns + 3) * channels;
  float* dst = args.dst;
  WarpPlaces places;
  for (std::int64_t row = 0; row < args.rows; ++row) {
    for (std::int64_t first = 0; first < args.columns; first += kWarpBlock) {
      const std::int64_t left = args.columns - first;
      const std::int64_t count = left < kWarpBlock ? left : kWarpBlock;
      if (args.shifts[0] != nullptr) {
        find_places<Arch, true>(args, row, first, count, places);
      } else {
        find_places<Arch, false>(args, row, first, count, places);
      }
      // The time goes into loads of neighbours, which gathers do not make faster.
      for (std::int64_t c = 0; c < channels; ++c) {
        const float* const upper = args.src + c;
        const float* const below = upper + pitch;
        for (std::int64_t i = 0; i < count; ++i) {
          const std::int32_t at = places.index[i];
          const std::int32_t next = at + static_cast<std::int32_t>(channels);
          const float right = places.right[i], lower = places.lower[i];
          const float top = upper[at] * (256 - right) + upper[next] * right;
          const float bottom = below[at] * (256 - right) + below[next] * right;
          dst[i * channels + c] = args.scale * ((top * (256 - lower) + bottom * lower) * 0x1p-16F);
        }
      }
      dst += count * channels;
    }
  }
}

/// fir for NV vectors.
template <class Arch, int NV>
[[gnu::always_inline]] inline void fir_vectors(std::int64_t taps, const float* weights, const float* src,
                                               std::int64_t step, float* dst) {
  Vec<Arch> sums[NV];
  TILEWISE_UNROLL for (int v = 0; v < NV; ++v) sums[v] = Vec<Arch>(0.0F);
  for (std::int64_t t = 0; t < taps; ++t, src += step) {
    const Vec<Arch> weight(weights[t]);
    TILEWISE_UNROLL for (int v = 0; v < NV; ++v) {
      sums[v] = madd<Arch>(weight, load<Arch>(src + v * kWidth<Arch>), sums[v]);
    }
  }
  TILEWISE_UNROLL for (int v = 0; v < NV; ++v) sums[v].store_unaligned(dst + v * kWidth<Arch>);
}

template <class Arch>
void fir(std::int64_t n, std::int64_t taps, const float* weights, const float* src, std::int64_t step,
         float* dst) noexcept {
  constexpr int kVectors = 8;  // as many sums at once hide the latency of a multiply-add
  constexpr std::int64_t kRun = kVectors * kWidth<Arch>;
  for (; n >= kRun; n -= kRun, src += kRun, dst += kRun) {
    fir_vectors<Arch, kVectors>(taps, weights, src, step, dst);
  }
  for_each_vector<Arch>(n, [=](std::int64_t i, std::int64_t count) {
    Vec<Arch> sum(0.0F);
    for (std::int64_t t = 0; t < taps; ++t) {
      sum = madd<Arch>(Vec<Arch>(weights[t]), load_some<Arch>(src + i + t * step, count), sum);
    }
    store_some<Arch>(dst + i, count, sum);
  });
}

}  // namespace tilewise::simd
