#pragma once

#include "tilewise/simd/kernel_table.hpp"
#include "tilewise/simd/kernels/vector.hpp"

namespace tilewise::simd {

template <class Arch>
void adam_update(const AdamArgs& args, std::int64_t n, const float* gradient, float* m, float* v,
                 float* weights) noexcept {
  using V = Vec<Arch>;
  const V beta1(args.beta1), rest1(1.0F - args.beta1), beta2(args.beta2), rest2(1.0F - args.beta2);
  const V rate(args.rate), epsilon(args.epsilon);
  for_each_vector<Arch>(n, [=](std::int64_t i, std::int64_t count) {
    const V g = load_some<Arch>(gradient + i, count);
    const V new_m = madd<Arch>(beta1, load_some<Arch>(m + i, count), rest1 * g);
    const V new_v = madd<Arch>(beta2, load_some<Arch>(v + i, count), rest2 * g * g);
    store_some<Arch>(m + i, count, new_m);
    store_some<Arch>(v + i, count, new_v);
    const V step = rate * new_m / (xsimd::sqrt(new_v) + epsilon);
    store_some<Arch>(weights + i, count, load_some<Arch>(weights + i, count) - step);
  });
}

template <class Arch>
void sgd_update(float rate, float momentum, std::int64_t n, const float* gradient, float* velocity,
                float* weights) noexcept {
  const Vec<Arch> minus_rate(-rate), factor(momentum);
  for_each_vector<Arch>(n, [=](std::int64_t i, std::int64_t count) {
    const Vec<Arch> step = madd<Arch>(factor, load_some<Arch>(velocity + i, count),
                                      minus_rate * load_some<Arch>(gradient + i, count));
    store_some<Arch>(velocity + i, count, step);
    store_some<Arch>(weights + i, count, load_some<Arch>(weights + i, count) + step);
  });
}

template <class Arch>
void moving_average(float momentum, std::int64_t n, const float* src, float* average) noexcept {
  const Vec<Arch> kept(momentum), rest(1.0F - momentum);
  for_each_vector<Arch>(n, [=](std::int64_t i, std::int64_t count) {
    store_some<Arch>(average + i, count,
                     madd<Arch>(kept, load_some<Arch>(average + i, count),
                                rest * load_some<Arch>(src + i, count)));
  });
}

}  // namespace tilewise::simd
