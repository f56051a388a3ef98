#pragma once

#include <utility>

#include "tilewise/simd/kernel_table.hpp"
#include "tilewise/simd/kernels/vector.hpp"

namespace tilewise::simd {

/// conv_short for P adjacent pixels of a row. What would end a loop after few rounds is known at compile time: a filter
/// row is one run of multiply-adds. Eight sums hide the latency of a multiply-add, and are stored while the next are
/// made; those of a tall tile all wait at its end. The bias comes last, for the bits of the micro-kernel.
template <class Arch, int P, ShortRun run>
[[gnu::always_inline]] inline void conv_short_pixels(const ConvShortArgs& args, const float* src, float* dst,
                                                     const Vec<Arch> (&bias)[kShortVectors], const Vec<Arch>& floor,
                                                     std::int64_t last) {
  constexpr std::int64_t W = kWidth<Arch>;
  constexpr int NV = kShortVectors;
  Vec<Arch> sum[P][NV];
  TILEWISE_UNROLL for (int p = 0; p < P; ++p) {
    TILEWISE_UNROLL for (int v = 0; v < NV; ++v) sum[p][v] = Vec<Arch>(0.0F);
  }
  const float* wei = args.wei;
  for (std::int64_t row = 0; row < args.filter_rows; ++row, src += args.filter_row_step, wei += run.terms * NV * W) {
    const float* in = src;
    TILEWISE_UNROLL for (int t = 0; t < run.terms; ++t) {
      // With 16 registers what neighbours share is better loaded again than kept; left to itself gcc spills it.
      if constexpr (kRegisters<Arch> == 16) asm volatile("" : "+r"(in));
      Vec<Arch> factor[NV];
      TILEWISE_UNROLL for (int v = 0; v < NV; ++v) factor[v] = load<Arch>(wei + (t * NV + v) * W);
      TILEWISE_UNROLL for (int p = 0; p < P; ++p) {
        const Vec<Arch> value(in[p * run.step + t]);
        TILEWISE_UNROLL for (int v = 0; v < NV; ++v) add_product<Arch>(value, factor[v], sum[p][v]);
      }
    }
  }
  TILEWISE_UNROLL for (int p = 0; p < P; ++p, dst += args.dst_step) {
    TILEWISE_UNROLL for (int v = 0; v < NV - 1; ++v) {
      xsimd::max(floor, sum[p][v] + bias[v]).store_unaligned(dst + v * W);
    }
    store_some<Arch>(dst + (NV - 1) * W, last, xsimd::max(floor, sum[p][NV - 1] + bias[NV - 1]));
  }
}

template <class Arch, ShortRun run>
[[gnu::noinline, gnu::flatten]] void conv_short_rows(const ConvShortArgs& shared) {
  constexpr int P = kShortPixels, NV = kShortVectors;
  constexpr std::int64_t W = kWidth<Arch>;
  const ConvShortArgs args = shared;  // its own, so that no store to dst can change it
  const std::int64_t last = args.channels - (NV - 1) * W;
  const Vec<Arch> floor(args.floor);
  Vec<Arch> bias[NV];
  TILEWISE_UNROLL for (int v = 0; v < NV; ++v) bias[v] = load_some<Arch>(args.bias + v * W, v == NV - 1 ? last : W);
  for (std::int64_t row = 0; row < args.rows; ++row) {
    const float* src = args.src + row * args.src_row_step;
    float* dst = args.dst + row * args.dst_row_step;
    std::int64_t pixel = 0;
    for (; pixel + P <= args.pixels; pixel += P, src += P * run.step, dst += P * args.dst_step) {
      conv_short_pixels<Arch, P, run>(args, src, dst, bias, floor, last);
    }
    for (; pixel < args.pixels; ++pixel, src += run.step, dst += args.dst_step) {
      conv_short_pixels<Arch, 1, run>(args, src, dst, bias, floor, last);
    }
  }
}

template <class Arch>
void conv_short(const ConvShortArgs& args) noexcept {
  [&]<int... i>(std::integer_sequence<int, i...>) {
    const auto is = [&](const ShortRun& run) { return args.run.terms == run.terms && args.run.step == run.step; };
    ((is(kShortRuns[i]) ? conv_short_rows<Arch, kShortRuns[i]>(args) : void()), ...);
  }(std::make_integer_sequence<int, sizeof(kShortRuns) / sizeof(ShortRun)>{});
}

}  // namespace tilewise::simd
