#pragma once

#include "tilewise/simd/kernels/narrow_integers.hpp"
#include "tilewise/simd/kernels/windows.hpp"

namespace tilewise::simd {

// Places in a window are small integers: held as floats they share the vectors' width and masks.

// flatten: the bodies of these loops are large, and inlined they are compiled once for whole vectors
// and once for the rest.

/// A window's largest values and their places, for NV vectors of channels, or `count` of them. `sum` becomes NaN if an
/// element but the first is.
template <class Arch, int NV, bool two_by_two, bool mind_nan>
[[gnu::always_inline]] inline void find_maximum(const PoolWindow& window, const float* src, std::int64_t count,
                                                float* dst, PoolPlace* argmax, Vec<Arch>& sum) {
  constexpr std::int64_t W = kWidth<Arch>;
  Vec<Arch> best[NV], place[NV], window_sum[NV];
  if constexpr (NV > 1) fetch_below<Arch>(window.row_step, src);
  TILEWISE_UNROLL for (int v = 0; v < NV; ++v) {
    best[v] = load_some<Arch>(src + v * W, count);
    place[v] = Vec<Arch>(two_by_two ? 0.0F : static_cast<float>(window.tap));
    window_sum[v] = Vec<Arch>(0.0F);
  }
  for_each_element<two_by_two, 1>(window, [&](std::int64_t offset, std::int64_t tap, bool) {
    const Vec<Arch> at(static_cast<float>(tap));
    if constexpr (NV > 1) fetch_below<Arch>(window.row_step, src + offset);
    TILEWISE_UNROLL for (int v = 0; v < NV; ++v) {
      const Vec<Arch> value = load_some<Arch>(src + offset + v * W, count);
      auto better = value > best[v];
      if constexpr (mind_nan) {
        better = better | is_nan<Arch>(value);
      } else {
        window_sum[v] += value;
      }
      best[v] = xsimd::select(better, value, best[v]);
      place[v] = xsimd::select(better, at, place[v]);
    }
  });
  TILEWISE_UNROLL for (int v = 0; v < NV; ++v) {
    if constexpr (!mind_nan) sum += window_sum[v];
    store_some<Arch>(dst + v * W, count, best[v]);
    store_shorts<Arch>(argmax + v * W, count, place[v]);
  }
}

/// Returns whether there may be a NaN in what was read; only if `mind_nan` is the result right then. Comparing
/// every value with itself costs a third of the time; a sum of all is NaN if one of them is. `most`: vectors at once.
template <class Arch, bool two_by_two, bool mind_nan, int most>
[[gnu::flatten]] bool find_maxima(const PoolGeometry& shared, const float* src, float* dst,
                                  PoolPlace* argmax) noexcept {
  const PoolGeometry g = shared;  // its own, so that no store can change it
  Vec<Arch> sum(0.0F);
  for_each_pool_window<Arch, two_by_two>(g, [&](const PoolWindow& window, std::int64_t in, std::int64_t out) {
    for_each_vectors<Arch, most>(g.channels, [&]<int NV>(std::int64_t c, std::int64_t count) {
      find_maximum<Arch, NV, two_by_two, mind_nan>(window, src + in + c, count, dst + out + c, argmax + out + c, sum);
    });
  });
  return lane_bits<Arch>(is_nan<Arch>(sum)) != 0;
}

template <class Arch, bool two_by_two>
void find_maxima_of(const PoolGeometry& g, const float* src, float* dst, PoolPlace* argmax) noexcept {
  // Where there is one whole vector loops over several cost a window a quarter of its time.
  const bool one = kWidth<Arch> <= g.channels && g.channels < 2 * kWidth<Arch>;
  const bool may_have_nan = one ? find_maxima<Arch, two_by_two, false, 1>(g, src, dst, argmax)
                                : find_maxima<Arch, two_by_two, false, 4>(g, src, dst, argmax);
  if (may_have_nan) find_maxima<Arch, two_by_two, true, 4>(g, src, dst, argmax);
}

template <class Arch>
void max_pool_forward(const PoolGeometry& g, const float* src, float* dst, PoolPlace* argmax) noexcept {
  all_two_by_two<Arch>(g) ? find_maxima_of<Arch, true>(g, src, dst, argmax)
                          : find_maxima_of<Arch, false>(g, src, dst, argmax);
}

/// The mirror of find_maximum: the gradient at the place that has it, 0 at the window's others; added to what earlier
/// windows left there.
template <class Arch, int NV, bool two_by_two>
[[gnu::always_inline]] inline void scatter_gradient(const PoolWindow& window, const float* d_dst,
                                                    const PoolPlace* argmax, std::int64_t count, float* d_src) {
  constexpr std::int64_t W = kWidth<Arch>;
  Vec<Arch> gradient[NV];
  Shorts<Arch> place[NV];
  TILEWISE_UNROLL for (int v = 0; v < NV; ++v) {
    gradient[v] = load_some<Arch>(d_dst + v * W, count);
    place[v] = load_shorts<Arch>(argmax + v * W, count);
  }
  for_each_element<two_by_two, 0>(window, [&](std::int64_t offset, std::int64_t tap, bool seen) {
    float* const out = d_src + offset;
    Vec<Arch> value[NV];
    TILEWISE_UNROLL for (int v = 0; v < NV; ++v) {
      value[v] = xsimd::select(equal<Arch>(place[v], tap), gradient[v], Vec<Arch>(0.0F));
    }
    if (seen) {
      TILEWISE_UNROLL for (int v = 0; v < NV; ++v) value[v] += load_some<Arch>(out + v * W, count);
    }
    TILEWISE_UNROLL for (int v = 0; v < NV; ++v) store_some<Arch>(out + v * W, count, value[v]);
  });
}

template <class Arch, bool two_by_two>
[[gnu::flatten]] void scatter_windows(const PoolGeometry& shared, const float* d_dst,
                                      const PoolPlace* argmax, float* d_src) noexcept {
  const PoolGeometry g = shared;
  for_each_pool_window<Arch, two_by_two>(g, [&](const PoolWindow& window, std::int64_t in, std::int64_t out) {
    for_each_vectors<Arch, 4>(g.channels, [&]<int NV>(std::int64_t c, std::int64_t count) {
      scatter_gradient<Arch, NV, two_by_two>(window, d_dst + out + c, argmax + out + c, count, d_src + in + c);
    });
  });
}

/// For 2x2 windows that do not overlap, row by row of d_src: windows are read twice, but where two rows are in one
/// page, memory takes twice as long to write both at once.
template <class Arch>
[[gnu::flatten]] void scatter_rows(const PoolGeometry& shared, const float* d_dst, const PoolPlace* argmax,
                                   float* d_src) noexcept {
  const PoolGeometry g = shared;
  for (std::int64_t ih = 0; ih < 2 * g.oh; ++ih) {
    const PoolWindow row{1, 2, 0, g.channels, ih % 2 * 2, 2, 0, 0};
    for (std::int64_t ow = 0; ow < g.ow; ++ow) {
      const std::int64_t in = (ih / 2 * g.ow + ow) * g.channels;
      float* const out = d_src + (ih / 2 * g.stride_h + ih % 2) * g.iw * g.channels + ow * g.stride_w * g.channels;
      for_each_vectors<Arch, 4>(g.channels, [&]<int NV>(std::int64_t c, std::int64_t count) {
        scatter_gradient<Arch, NV, false>(row, d_dst + in + c, argmax + in + c, count, out + c);
      });
    }
  }
}

template <class Arch>
void max_pool_backward(const PoolGeometry& g, const float* d_dst, const PoolPlace* argmax,
                       float* d_src) noexcept {
  constexpr std::int64_t kPageFloats = 1024;
  if (!windows_cover<Arch>(g)) clear_image<Arch>(g, d_src);
  if (windows_overlap<Arch>(g) || !all_two_by_two<Arch>(g)) {
    scatter_windows<Arch, false>(g, d_dst, argmax, d_src);
  } else if (g.channels >= 2 * kWidth<Arch> && g.iw * g.channels < kPageFloats) {
    scatter_rows<Arch>(g, d_dst, argmax, d_src);
  } else {
    scatter_windows<Arch, true>(g, d_dst, argmax, d_src);
  }
}

}  // namespace tilewise::simd
