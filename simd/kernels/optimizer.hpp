#pragma once

#include "tilewise/simd/kernel_table.hpp"
#include "tilewise/simd/kernels/vector.hpp"

namespace tilewise::simd {

/// weights += step - decay * weights
template <class Arch>
inline void take_step(const Vec<Arch>& step, const Vec<Arch>& minus_decay, std::int64_t count,
                      float* weights) {
  const Vec<Arch> w = load_some<Arch>(weights, count);
  store_some<Arch>(weights, count, w + madd<Arch>(minus_decay, w, step));
}

template <class Arch>
void adam_update(const AdamArgs& args, std::int64_t n, const float* gradient, float* m, float* v,
                 float* weights) noexcept {
  using V = Vec<Arch>;
  const V beta1(args.beta1), rest1(1.0F - args.beta1), beta2(args.beta2), rest2(1.0F - args.beta2);
  const V minus_rate(-args.rate), epsilon(args.epsilon), minus_decay(-args.decay);
  for_each_vector<Arch>(n, [=](std::int64_t i, std::int64_t count) {
    const V g = load_some<Arch>(gradient + i, count);
    const V new_m = madd<Arch>(beta1, load_some<Arch>(m + i, count), rest1 * g);
    const V new_v = madd<Arch>(beta2, load_some<Arch>(v + i, count), rest2 * g * g);
    store_some<Arch>(m + i, count, new_m);
    store_some<Arch>(v + i, count, new_v);
    const V step = divide<Arch>(minus_rate * new_m, square_root<Arch>(new_v) + epsilon);
    take_step<Arch>(step, minus_decay, count, weights + i);
  });
}

template <class Arch>
void sgd_update(const SgdArgs& args, std::int64_t n, const float* gradient, float* velocity,
                float* weights) noexcept {
  using V = Vec<Arch>;
  const V minus_rate(-args.rate), momentum(args.momentum), minus_decay(-args.decay);
  const bool nesterov = args.nesterov;
  for_each_vector<Arch>(n, [=](std::int64_t i, std::int64_t count) {
    const V slope = minus_rate * load_some<Arch>(gradient + i, count);
    const V new_velocity = madd<Arch>(momentum, load_some<Arch>(velocity + i, count), slope);
    store_some<Arch>(velocity + i, count, new_velocity);
    take_step<Arch>(nesterov ? madd<Arch>(momentum, new_velocity, slope) : new_velocity, minus_decay,
                    count, weights + i);
  });
}

template <class Arch>
void rmsprop_update(const RmspropArgs& args, std::int64_t n, const float* gradient, float* velocity,
                    float* average, float* moment, float* weights) noexcept {
  using V = Vec<Arch>;
  const V rho(args.rho), rest(1.0F - args.rho), momentum(args.momentum), epsilon(args.epsilon);
  const V rate(args.rate), minus_decay(-args.decay);
  for_each_vector<Arch>(n, [=](std::int64_t i, std::int64_t count) {
    const V g = load_some<Arch>(gradient + i, count);
    const V mean_square = madd<Arch>(rho, load_some<Arch>(velocity + i, count), rest * g * g);
    store_some<Arch>(velocity + i, count, mean_square);
    V variance = mean_square;
    if (average != nullptr) {
      const V mean = madd<Arch>(rho, load_some<Arch>(average + i, count), rest * g);
      store_some<Arch>(average + i, count, mean);
      variance = relu<Arch>(mean_square - mean * mean);  // rounded, it may be below 0
    }
    V step = divide<Arch>(rate * g, square_root<Arch>(variance + epsilon));
    if (moment != nullptr) {
      step = madd<Arch>(momentum, load_some<Arch>(moment + i, count), step);
      store_some<Arch>(moment + i, count, step);
    }
    take_step<Arch>(-step, minus_decay, count, weights + i);
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
