#pragma once

#include "tilewise/simd/kernels/vector.hpp"
#include "tilewise/simd/winograd.hpp"

namespace tilewise::simd {

/// Products with the matrices of winograd.hpp along one axis, for vectors of channels. Values of a polynomial come in
/// pairs `k`, which share most of their arithmetic and are next to each other: those at 0 and infinity, at p and -p, at
/// q and -q.
template <class Arch, WinogradSize size>
struct WinogradLine {
  using V = Vec<Arch>;
  static constexpr int kOutputs = winograd_outputs(size), kPixels = winograd_pixels(size), kPairs = kPixels / 2;
  static constexpr bool kFour = size == WinogradSize::four;
  static constexpr float kP = kFour ? 0.625F : 1, kQ = 1.5F, kP2 = kP * kP, kQ2 = kQ * kQ;

  /// The point of pair k, its square and that of the other pair's.
  static constexpr float point(int k) { return k == 1 ? kP : kQ; }
  static constexpr float square(int k) { return point(k) * point(k); }
  static constexpr float other(int k) { return square(3 - k); }
  /// What the rows of pair k of G are divided by: they are 1, p and p^2 over it.
  static constexpr float divisor(int k) { return 2 * square(k) * (square(k) - other(k)); }

  /// Pair k of B' d.
  [[gnu::always_inline]] static inline void src(int k, const V d[kPixels], V pair[2]) {
    if constexpr (!kFour) {
      pair[0] = k == 0 ? d[0] - d[2] : d[1] + d[2];
      pair[1] = k == 0 ? d[1] - d[3] : d[2] - d[1];
    } else if (k == 0) {
      const V product(kP2 * kQ2), sum(-kP2 - kQ2);
      pair[0] = madd<Arch>(product, d[0], madd<Arch>(sum, d[2], d[4]));
      pair[1] = madd<Arch>(product, d[1], madd<Arch>(sum, d[3], d[5]));
    } else {
      const V even = madd<Arch>(V(-other(k)), d[2], d[4]), odd = madd<Arch>(V(-other(k)), d[1], d[3]);
      pair[0] = madd<Arch>(V(point(k)), odd, even);
      pair[1] = madd<Arch>(V(-point(k)), odd, even);
    }
  }

  /// Outputs `half`, 0 or 1, and every second one from there of A' x.
  [[gnu::always_inline]] static inline void dst(int half, const V x[kPixels], V out[kOutputs / 2]) {
    if constexpr (!kFour) {
      out[0] = half == 0 ? x[0] + x[2] + x[3] : x[2] - x[3] - x[1];
    } else if (half == 0) {
      const V p = x[2] + x[3], q = x[4] + x[5];
      out[0] = x[0] + p + q;
      out[1] = madd<Arch>(V(kP2), p, V(kQ2) * q);
    } else {
      const V p = x[2] - x[3], q = x[4] - x[5];
      out[0] = madd<Arch>(V(kP), p, V(kQ) * q);
      out[1] = madd<Arch>(V(kP * kP2), p, madd<Arch>(V(kQ * kQ2), q, x[1]));
    }
  }

  /// Pair k of A d.
  [[gnu::always_inline]] static inline void d_dst(int k, const V d[kOutputs], V pair[2]) {
    if constexpr (!kFour) {
      pair[0] = k == 0 ? d[0] : d[0] + d[1];
      pair[1] = k == 0 ? -d[1] : d[0] - d[1];
    } else if (k == 0) {
      pair[0] = d[0];
      pair[1] = d[3];
    } else {
      const V even = madd<Arch>(V(square(k)), d[2], d[0]), odd = madd<Arch>(V(square(k)), d[3], d[1]);
      pair[0] = madd<Arch>(V(point(k)), odd, even);
      pair[1] = madd<Arch>(V(-point(k)), odd, even);
    }
  }

  /// Pair k of G g.
  [[gnu::always_inline]] static inline void filter(int k, const V g[3], V pair[2]) {
    if constexpr (!kFour) {
      const V ends = V(0.5F) * (g[0] + g[2]), middle = V(0.5F) * g[1];
      pair[0] = k == 0 ? g[0] : ends + middle;
      pair[1] = k == 0 ? g[2] : ends - middle;
    } else if (k == 0) {
      pair[0] = V(1 / (kP2 * kQ2)) * g[0];
      pair[1] = g[2];
    } else {
      const V ends = madd<Arch>(V(square(k) / divisor(k)), g[2], V(1 / divisor(k)) * g[0]);
      const V middle = V(point(k) / divisor(k)) * g[1];
      pair[0] = ends + middle;
      pair[1] = ends - middle;
    }
  }

  /// Adds what pair k of u contributes to G' u.
  [[gnu::always_inline]] static inline void add_taps(int k, const V pair[2], V g[3]) {
    if (k == 0) {
      g[0] = kFour ? madd<Arch>(V(1 / (kP2 * kQ2)), pair[0], g[0]) : g[0] + pair[0];
      g[2] = g[2] + pair[1];
    } else if constexpr (!kFour) {
      const V even = V(0.5F) * (pair[0] + pair[1]);
      g[0] = g[0] + even;
      g[1] = madd<Arch>(V(0.5F), pair[0] - pair[1], g[1]);
      g[2] = g[2] + even;
    } else {
      const V even = pair[0] + pair[1];
      g[0] = madd<Arch>(V(1 / divisor(k)), even, g[0]);
      g[1] = madd<Arch>(V(point(k) / divisor(k)), pair[0] - pair[1], g[1]);
      g[2] = madd<Arch>(V(square(k) / divisor(k)), even, g[2]);
    }
  }
};

}  // namespace tilewise::simd
