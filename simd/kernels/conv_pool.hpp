#pragma once

#include "tilewise/simd/kernel_table.hpp"
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
      store_some<Arch>(args.argmax + at, count, xsimd::to_int(place));
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

}  // namespace tilewise::simd
