#pragma once

#include "tilewise/simd/kernel_table.hpp"
#include "tilewise/simd/kernels/vector.hpp"

namespace tilewise::simd {

/// Output pixels [pixel, pixel + P) of one vector of channels: as many sums at once hide the latency of a
/// multiply-add and share each filter tap.
template <class Arch, int P>
[[gnu::always_inline]] inline void depthwise_pixels(const DepthwiseArgs& args, std::int64_t pixel,
                                                    std::int64_t c, std::int64_t count) {
  Vec<Arch> sums[P];
  const Vec<Arch> bias = args.bias == nullptr ? Vec<Arch>(0.0F) : load_some<Arch>(args.bias + c, count);
  TILEWISE_UNROLL for (int p = 0; p < P; ++p) sums[p] = bias;
  const float* const src = args.src + pixel * args.src_step + c;
  for (std::int64_t r = 0; r < args.row_count; ++r) {
    for (std::int64_t t = 0; t < args.column_count; ++t) {
      const float* x = src + args.rows[r].src + args.columns[t].src;
      const Vec<Arch> tap = load_some<Arch>(args.wei + args.rows[r].wei + args.columns[t].wei + c, count);
      TILEWISE_UNROLL for (int p = 0; p < P; ++p, x += args.src_step) {
        sums[p] = madd<Arch>(load_some<Arch>(x, count), tap, sums[p]);
      }
    }
  }
  const Vec<Arch> floor(args.floor);
  float* dst = args.dst + pixel * args.dst_step + c;
  TILEWISE_UNROLL for (int p = 0; p < P; ++p, dst += args.dst_step) {
    store_some<Arch>(dst, count, xsimd::max(floor, sums[p]));
  }
}

template <class Arch>
[[gnu::flatten]] void depthwise(const DepthwiseArgs& args) noexcept {
  for_each_vector<Arch>(args.channels, [&](std::int64_t c, std::int64_t count) {
    std::int64_t pixel = 0;
    for (; pixel + 8 <= args.pixels; pixel += 8) depthwise_pixels<Arch, 8>(args, pixel, c, count);
    for (; pixel + 4 <= args.pixels; pixel += 4) depthwise_pixels<Arch, 4>(args, pixel, c, count);
    for (; pixel < args.pixels; ++pixel) depthwise_pixels<Arch, 1>(args, pixel, c, count);
  });
}

/// The gradients of filter taps [first, first + T), counted row by row, of one vector of channels: as many
/// sums at once hide the latency of a multiply-add and share each pixel's gradient.
template <class Arch, int T>
[[gnu::always_inline]] inline void depthwise_taps(const DepthwiseArgs& args, const float* d_dst,
                                                  float* d_wei, std::int64_t first, std::int64_t c,
                                                  std::int64_t count) {
  Vec<Arch> sums[T];
  const float* src[T];
  float* wei[T];
  for (int t = 0; t < T; ++t) {
    const DepthwiseTap row = args.rows[(first + t) / args.column_count];
    const DepthwiseTap column = args.columns[(first + t) % args.column_count];
    src[t] = args.src + row.src + column.src + c;
    wei[t] = d_wei + row.wei + column.wei + c;
  }
  TILEWISE_UNROLL for (int t = 0; t < T; ++t) sums[t] = load_some<Arch>(wei[t], count);
  const float* d = d_dst + c;
  for (std::int64_t pixel = 0; pixel < args.pixels; ++pixel, d += args.dst_step) {
    const Vec<Arch> gradient = load_some<Arch>(d, count);
    const std::int64_t at = pixel * args.src_step;
    TILEWISE_UNROLL for (int t = 0; t < T; ++t) {
      sums[t] = madd<Arch>(load_some<Arch>(src[t] + at, count), gradient, sums[t]);
    }
  }
  TILEWISE_UNROLL for (int t = 0; t < T; ++t) store_some<Arch>(wei[t], count, sums[t]);
}

// A 3x3 window's nine taps go together, and at edges its six or three.
template <class Arch>
[[gnu::flatten]] void depthwise_weights(const DepthwiseArgs& args, const float* d_dst,
                                        float* d_wei) noexcept {
  const std::int64_t taps = args.row_count * args.column_count;
  for_each_vector<Arch>(args.channels, [&](std::int64_t c, std::int64_t count) {
    std::int64_t tap = 0;
    for (; tap + 9 <= taps; tap += 9) depthwise_taps<Arch, 9>(args, d_dst, d_wei, tap, c, count);
    for (; tap + 3 <= taps; tap += 3) depthwise_taps<Arch, 3>(args, d_dst, d_wei, tap, c, count);
    for (; tap < taps; ++tap) depthwise_taps<Arch, 1>(args, d_dst, d_wei, tap, c, count);
  });
}

}  // namespace tilewise::simd
