#pragma once

#include "tilewise/simd/kernel_table.hpp"
#include "tilewise/simd/kernels/vector.hpp"

namespace tilewise::simd {

// xsimd's exp, expm1 and tanh are right to two units in the last place, its erfc to six or, far out at
// large x, in proportion to x^2.

/// Relatively exact for all x: where exp overflows, to infinity, the reciprocal is 0.
template <class Arch>
inline Vec<Arch> sigmoid(const Vec<Arch>& x) {
  const Vec<Arch> one(1.0F);
  return divide<Arch>(one, one + xsimd::exp(-x));
}

/// erfc rather than 1 + erf, of which nothing is left where x is far below zero.
template <class Arch>
inline Vec<Arch> normal_distribution(const Vec<Arch>& x) {
  return Vec<Arch>(0.5F) * xsimd::erfc(Vec<Arch>(-0.70710678F) * x);
}

// gelu_tanh is x sigmoid(u), since (1 + tanh(u / 2)) / 2 = sigmoid(u), for
// u = 2 sqrt(2 / pi) (x + 0.044715 x^3) = x (kGeluLinear + kGeluCubic x^2).
inline constexpr float kGeluLinear = 1.5957691F;
inline constexpr float kGeluCubic = 0.071354816F;

template <class Arch, Pointwise f>
inline Vec<Arch> pointwise_value(const Vec<Arch>& x, const Vec<Arch>& alpha) {
  if constexpr (f == Pointwise::leaky_relu) {
    return xsimd::select(x > Vec<Arch>(0.0F), x, alpha * x);
  } else if constexpr (f == Pointwise::elu) {
    return xsimd::select(x > Vec<Arch>(0.0F), x, alpha * xsimd::expm1(x));
  } else if constexpr (f == Pointwise::sigmoid) {
    return sigmoid<Arch>(x);
  } else if constexpr (f == Pointwise::tanh) {
    return xsimd::tanh(x);
  } else if constexpr (f == Pointwise::silu) {
    return x * sigmoid<Arch>(x);
  } else if constexpr (f == Pointwise::gelu) {
    return x * normal_distribution<Arch>(x);
  } else {
    return x * sigmoid<Arch>(x * madd<Arch>(Vec<Arch>(kGeluCubic), x * x, Vec<Arch>(kGeluLinear)));
  }
}

/// The derivative; `kept` is f(x) or x, as derivative_reads_dst() says.
template <class Arch, Pointwise f>
inline Vec<Arch> pointwise_slope(const Vec<Arch>& kept, const Vec<Arch>& alpha) {
  const Vec<Arch> one(1.0F);
  if constexpr (f == Pointwise::leaky_relu) {
    return xsimd::select(kept > Vec<Arch>(0.0F), one, alpha);
  } else if constexpr (f == Pointwise::elu) {  // alpha exp(x) = y + alpha
    return xsimd::select(kept > Vec<Arch>(0.0F), one, kept + alpha);
  } else if constexpr (f == Pointwise::sigmoid) {  // y (1 - y)
    return kept * (one - kept);
  } else if constexpr (f == Pointwise::tanh) {  // 1 - y^2
    return (one - kept) * (one + kept);
  } else if constexpr (f == Pointwise::silu) {  // s + x s (1 - s), s = sigmoid(x)
    const Vec<Arch> s = sigmoid<Arch>(kept);
    return s * madd<Arch>(kept, one - s, one);
  } else if constexpr (f == Pointwise::gelu) {  // Phi(x) + x phi(x), phi(x) = exp(-x^2 / 2) / sqrt(2 pi)
    const Vec<Arch> density = Vec<Arch>(0.39894228F) * xsimd::exp(Vec<Arch>(-0.5F) * kept * kept);
    return madd<Arch>(kept, density, normal_distribution<Arch>(kept));
  } else {  // s + x s (1 - s) du/dx, s = sigmoid(u)
    // Beyond the limit s is 0 or 1, and x^3 could overflow. The second operand is returned for NaN.
    const Vec<Arch> x = xsimd::max(Vec<Arch>(-12.0F), xsimd::min(Vec<Arch>(12.0F), kept));
    const Vec<Arch> square = x * x;
    const Vec<Arch> u = x * madd<Arch>(Vec<Arch>(kGeluCubic), square, Vec<Arch>(kGeluLinear));
    const Vec<Arch> s = sigmoid<Arch>(u);
    const Vec<Arch> du = madd<Arch>(Vec<Arch>(3 * kGeluCubic), square, Vec<Arch>(kGeluLinear));
    return s * madd<Arch>(x * du, one - s, one);
  }
}

/// Calls body.operator()<f>(): what follows is compiled for each function.
template <class Body>
inline void for_function(Pointwise f, Body body) {
  switch (f) {
    case Pointwise::leaky_relu: return body.template operator()<Pointwise::leaky_relu>();
    case Pointwise::elu: return body.template operator()<Pointwise::elu>();
    case Pointwise::sigmoid: return body.template operator()<Pointwise::sigmoid>();
    case Pointwise::tanh: return body.template operator()<Pointwise::tanh>();
    case Pointwise::silu: return body.template operator()<Pointwise::silu>();
    case Pointwise::gelu: return body.template operator()<Pointwise::gelu>();
    case Pointwise::gelu_tanh: return body.template operator()<Pointwise::gelu_tanh>();
  }
}

template <class Arch>
void pointwise_forward(const PointwiseArgs& args, std::int64_t n, const float* src,
                       float* dst) noexcept {
  const Vec<Arch> alpha(args.alpha);
  for_function(args.function, [=]<Pointwise f>() {
    for_each_vector<Arch>(n, [=](std::int64_t i, std::int64_t count) {
      store_some<Arch>(dst + i, count, pointwise_value<Arch, f>(load_some<Arch>(src + i, count), alpha));
    });
  });
}

template <class Arch>
void pointwise_backward(const PointwiseArgs& args, std::int64_t n, const float* kept,
                        const float* d_dst, float* d_src) noexcept {
  const Vec<Arch> alpha(args.alpha);
  for_function(args.function, [=]<Pointwise f>() {
    for_each_vector<Arch>(n, [=](std::int64_t i, std::int64_t count) {
      const Vec<Arch> slope = pointwise_slope<Arch, f>(load_some<Arch>(kept + i, count), alpha);
      store_some<Arch>(d_src + i, count, slope * load_some<Arch>(d_dst + i, count));
    });
  });
}

}  // namespace tilewise::simd
