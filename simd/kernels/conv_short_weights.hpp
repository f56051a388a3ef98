#pragma once

#include <utility>

#include "tilewise/simd/kernel_table.hpp"
#include "tilewise/simd/kernels/vector.hpp"

namespace tilewise::simd {

/// conv_short_weights for T terms of R filter rows and NV vectors of channels, `last` of which are in the last one. All
/// sums stay in registers while the pixels pass by.
template <class Arch, int T, int R, int NV>
[[gnu::noinline, gnu::flatten]] void conv_short_weights_rows(const ConvShortArgs& args, const float* src,
                                                             const float* d_dst, std::int64_t last, float* d_wei) {
  constexpr std::int64_t W = kWidth<Arch>;
  Vec<Arch> sum[R][T][NV];
  TILEWISE_UNROLL for (int r = 0; r < R; ++r) {
    TILEWISE_UNROLL for (int t = 0; t < T; ++t) {
      TILEWISE_UNROLL for (int v = 0; v < NV; ++v) sum[r][t][v] = Vec<Arch>(0.0F);
    }
  }
  // Without masks a part of a vector is loaded slowly: whole ones, while they end before the last pixel does.
  const float* const end = d_dst + (args.rows - 1) * args.dst_row_step + (args.pixels - 1) * args.dst_step +
                           (NV - 1) * W + last;
  for (std::int64_t row = 0; row < args.rows; ++row) {
    const float* in[R];
    TILEWISE_UNROLL for (int r = 0; r < R; ++r) in[r] = src + row * args.src_row_step + r * args.filter_row_step;
    const float* gradients = d_dst + row * args.dst_row_step;
    for (std::int64_t pixel = 0; pixel < args.pixels; ++pixel, gradients += args.dst_step) {
      const bool whole = end - gradients >= NV * W;
      const auto load_gradient = [&](int v) {
        const float* const from = gradients + v * W;
        return v < NV - 1 || whole ? load<Arch>(from) : load_some<Arch>(from, last);
      };
      // The fewer of both factors stay in registers while the others pass by.
      if constexpr (NV > R * T) {
        Vec<Arch> value[R][T];
        TILEWISE_UNROLL for (int r = 0; r < R; ++r) {
          TILEWISE_UNROLL for (int t = 0; t < T; ++t) value[r][t] = Vec<Arch>(in[r][t]);
        }
        TILEWISE_UNROLL for (int v = 0; v < NV; ++v) {
          const Vec<Arch> gradient = load_gradient(v);
          TILEWISE_UNROLL for (int r = 0; r < R; ++r) {
            TILEWISE_UNROLL for (int t = 0; t < T; ++t) add_product<Arch>(value[r][t], gradient, sum[r][t][v]);
          }
        }
      } else {
        Vec<Arch> gradient[NV];
        TILEWISE_UNROLL for (int v = 0; v < NV; ++v) gradient[v] = load_gradient(v);
        TILEWISE_UNROLL for (int r = 0; r < R; ++r) {
          TILEWISE_UNROLL for (int t = 0; t < T; ++t) {
            const Vec<Arch> value(in[r][t]);
            TILEWISE_UNROLL for (int v = 0; v < NV; ++v) add_product<Arch>(value, gradient[v], sum[r][t][v]);
          }
        }
      }
      TILEWISE_UNROLL for (int r = 0; r < R; ++r) in[r] += args.run.step;
    }
  }
  TILEWISE_UNROLL for (int r = 0; r < R; ++r, d_wei += args.run.terms * args.dst_step) {
    TILEWISE_UNROLL for (int t = 0; t < T; ++t) {
      TILEWISE_UNROLL for (int v = 0; v < NV; ++v) {
        const std::int64_t count = v < NV - 1 ? W : last;
        float* const wei = d_wei + t * args.dst_step + v * W;
        store_some<Arch>(wei, count, load_some<Arch>(wei, count) + sum[r][t][v]);
      }
    }
  }
}

/// As many filter rows at once as leave registers for a pixel's gradients and a factor; or one, if that is as many as
/// leave them for a pixel's factors and a gradient.
template <class Arch, int T, int NV>
void conv_short_weights_vectors(const ConvShortArgs& args, const float* src, const float* d_dst, std::int64_t last,
                                float* d_wei) {
  constexpr int kTerms = max_tile_rows(NV, kRegisters<Arch>, kHasFma<Arch>);
  constexpr int kMost = kTerms < T ? 1 : kTerms / T;
  const auto rows = [&]<int R>(std::integral_constant<int, R>) {
    if constexpr (R <= kMost) conv_short_weights_rows<Arch, T, R, NV>(args, src, d_dst, last, d_wei);
    src += R * args.filter_row_step;
    d_wei += R * args.run.terms * args.dst_step;
  };
  for (std::int64_t left = args.filter_rows; left > 0;) {
    // Four rows are two and two: a single one has few sums to hide the latency of a multiply-add.
    const int count = kMost >= 3 && left != 2 && left != 4 ? 3 : kMost >= 2 ? 2 : 1;
    const int these = count < left ? count : static_cast<int>(left);
    these == 3   ? rows(std::integral_constant<int, 3>{})
    : these == 2 ? rows(std::integral_constant<int, 2>{})
                 : rows(std::integral_constant<int, 1>{});
    left -= these;
  }
}

template <class Arch, int T>
void conv_short_weights_terms(const ConvShortArgs& args, const float* d_dst, float* d_wei) {
  constexpr std::int64_t W = kWidth<Arch>;
  // With 16 registers four vectors of three terms at a time, which are twelve sums: of ten or eight the next
  // multiply-adds wait. Otherwise two vectors of all terms, or of the first and then the others: with one, terms are
  // loaded as often as multiplied.
  constexpr int kFirst = max_tile_rows(2, kRegisters<Arch>, kHasFma<Arch>) >= T ? T : (T + 1) / 2;
  std::int64_t c = 0;
  if constexpr (kHasFma<Arch> && kRegisters<Arch> == 16 && T % 3 == 0) {
    for (; c + 4 * W <= args.channels; c += 4 * W) {
      for (int t = 0; t < T; t += 3) {
        conv_short_weights_vectors<Arch, 3, 4>(args, args.src + t, d_dst + c, W, d_wei + t * args.dst_step + c);
      }
    }
  }
  for (; c < args.channels; c += 2 * W) {
    const std::int64_t left = args.channels - c;
    if (left <= W) return conv_short_weights_vectors<Arch, T, 1>(args, args.src, d_dst + c, left, d_wei + c);
    const std::int64_t last = left < 2 * W ? left - W : W;
    conv_short_weights_vectors<Arch, kFirst, 2>(args, args.src, d_dst + c, last, d_wei + c);
    if constexpr (kFirst < T) {
      conv_short_weights_vectors<Arch, T - kFirst, 2>(args, args.src + kFirst, d_dst + c, last,
                                                      d_wei + kFirst * args.dst_step + c);
    }
  }
}

template <class Arch>
void conv_short_weights(const ConvShortArgs& args, const float* d_dst, float* d_wei) noexcept {
  [&]<int... i>(std::integer_sequence<int, i...>) {
    ((args.run.terms == i + 1 ? conv_short_weights_terms<Arch, i + 1>(args, d_dst, d_wei) : void()), ...);
  }(std::make_integer_sequence<int, kMostShortTerms>{});
}

}  // namespace tilewise::simd
