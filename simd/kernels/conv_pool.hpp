#pragma once

#include "tilewise/simd/kernel_table.hpp"
#include "tilewise/simd/kernels/narrow_integers.hpp"
#include "tilewise/simd/kernels/vector.hpp"

namespace tilewise::simd {

/// conv_pool for the NV vectors of channels from `first` on: a tile of a window's four pixels, whose sums
/// are compared where they are, in registers.
template <class Arch, int NV>
[[gnu::noinline, gnu::flatten]] void conv_pool_panel(const ConvPoolArgs& args,
                                                     std::int64_t first) noexcept {
  constexpr std::int64_t W = kWidth<Arch>;
  const float* const wei = args.wei + first * args.tap_count;
  const std::int64_t wei_step = args.panel_vectors * W;
  const Vec<Arch> floor(args.floor);
  const float* src = args.src;
  for (std::int64_t window = 0; window < args.windows; ++window, src += args.window_step) {
    const float* const pixel[4] = {src, src + args.column_step, src + args.row_step,
                                   src + args.row_step + args.column_step};
    Vec<Arch> sum[4][NV];
    TILEWISE_UNROLL for (int q = 0; q < 4; ++q) {
      TILEWISE_UNROLL for (int v = 0; v < NV; ++v) sum[q][v] = Vec<Arch>(0.0F);
    }
    const float* row = wei;
    for (const std::int64_t* tap = args.taps; tap != args.taps + args.tap_count; ++tap) {
      Vec<Arch> factor[NV];
      TILEWISE_UNROLL for (int v = 0; v < NV; ++v) factor[v] = load<Arch>(row + v * W);
      TILEWISE_UNROLL for (int q = 0; q < 4; ++q) {
        const Vec<Arch> value(pixel[q][*tap]);
        TILEWISE_UNROLL for (int v = 0; v < NV; ++v) add_product<Arch>(value, factor[v], sum[q][v]);
      }
      row += wei_step;
    }
    TILEWISE_UNROLL for (int v = 0; v < NV; ++v) {
      const std::int64_t channel = first + v * W;
      const std::int64_t count = args.channels - channel < W ? args.channels - channel : W;
      const Vec<Arch> bias = load_some<Arch>(args.bias + channel, count);
      Vec<Arch> best = sum[0][v] + bias;
      Vec<Arch> place(0.0F);
      TILEWISE_UNROLL for (int q = 1; q < 4; ++q) {
        const Vec<Arch> value = sum[q][v] + bias;
        const auto better = (value > best) | is_nan<Arch>(value);
        best = xsimd::select(better, value, best);
        place = xsimd::select(better, Vec<Arch>(static_cast<float>(q)), place);
      }
      const std::int64_t at = window * args.channels + channel;
      store_some<Arch>(args.dst + at, count, xsimd::max(floor, best));
      store_shorts<Arch>(args.argmax + at, count, place);
    }
  }
}

template <class Arch>
void conv_pool(const ConvPoolArgs& args) noexcept {
  const std::int64_t step = args.panel_vectors * kWidth<Arch>;
  for (std::int64_t first = 0; first < args.channels; first += step) {
    const std::int64_t left = args.channels - first < step ? args.channels - first : step;
    switch ((left + kWidth<Arch> - 1) / kWidth<Arch>) {
      case 1: conv_pool_panel<Arch, 1>(args, first); break;
      case 2: conv_pool_panel<Arch, 2>(args, first); break;
      case 3: conv_pool_panel<Arch, 3>(args, first); break;
      case 4: conv_pool_panel<Arch, 4>(args, first); break;
    }
  }
}

/// conv_pool_weights for a vector of channels from `channel` on and TAPS taps from `tap` on, whose sums stay
/// in registers. Each tap meets all four pixels, with the gradients of the channels that picked them.
template <class Arch, int TAPS>
[[gnu::noinline, gnu::flatten]] void add_picked_taps(const ConvPoolArgs& args, std::int64_t channel,
                                                     std::int64_t tap, float* d_wei) noexcept {
  const std::int64_t left = args.channels - channel;
  const std::int64_t count = left < kWidth<Arch> ? left : kWidth<Arch>;
  float* const out = d_wei + tap * args.channels + channel;
  Vec<Arch> sum[TAPS];
  TILEWISE_UNROLL for (int t = 0; t < TAPS; ++t) {
    sum[t] = load_some<Arch>(out + t * args.channels, count);
  }
  const float* src = args.src;
  for (std::int64_t window = 0; window < args.windows; ++window, src += args.window_step) {
    const float* const pixel[4] = {src, src + args.column_step, src + args.row_step,
                                   src + args.row_step + args.column_step};
    const std::int64_t at = window * args.channels + channel;
    const Vec<Arch> gradient = load_some<Arch>(args.d_dst + at, count);
    const Shorts<Arch> place = load_shorts<Arch>(args.picked + at, count);
    Vec<Arch> of_pixel[4];
    TILEWISE_UNROLL for (int q = 0; q < 4; ++q) {
      of_pixel[q] = xsimd::select(equal<Arch>(place, q), gradient, Vec<Arch>(0.0F));
    }
    // Taps inside: their sums do not wait for each other.
    TILEWISE_UNROLL for (int q = 0; q < 4; ++q) {
      TILEWISE_UNROLL for (int t = 0; t < TAPS; ++t) {
        add_product<Arch>(Vec<Arch>(pixel[q][args.taps[tap + t]]), of_pixel[q], sum[t]);
      }
    }
  }
  TILEWISE_UNROLL for (int t = 0; t < TAPS; ++t) {
    store_some<Arch>(out + t * args.channels, count, sum[t]);
  }
}

/// Of so many taps, and of the rest, one at a time less.
template <class Arch, int TAPS = 9>
void add_picked(const ConvPoolArgs& args, std::int64_t channel, std::int64_t tap,
                float* d_wei) noexcept {
  for (; args.tap_count - tap >= TAPS; tap += TAPS) {
    add_picked_taps<Arch, TAPS>(args, channel, tap, d_wei);
  }
  if constexpr (TAPS > 1) add_picked<Arch, TAPS - 1>(args, channel, tap, d_wei);
}

template <class Arch>
void conv_pool_weights(const ConvPoolArgs& args, float* d_wei) noexcept {
  for (std::int64_t channel = 0; channel < args.channels; channel += kWidth<Arch>) {
    add_picked<Arch>(args, channel, 0, d_wei);
  }
}

}  // namespace tilewise::simd
