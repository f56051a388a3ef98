#pragma once

#include <cmath>

#include "tilewise/simd/kernel_table.hpp"
#include "tilewise/simd/kernels/softmax.hpp"
#include "tilewise/simd/kernels/vector.hpp"

namespace tilewise::simd {

/// What a row should be, but for a label's one: y = rest * target + uniform, without targets (null)
/// uniform.
template <class Arch>
struct Wanted {
  const float* targets;
  float rest, uniform;

  Vec<Arch> load(std::int64_t i, std::int64_t count) const {
    const Vec<Arch> share(uniform);
    if (targets == nullptr) return share;
    return madd<Arch>(Vec<Arch>(rest), load_some<Arch>(targets + i, count), share);
  }
};

/// Sum of y * (row - maximum). What is not wanted at all may be -infinity.
template <class Arch>
inline float wanted_distance(std::int64_t n, const Wanted<Arch>& wanted, const float* row,
                             float maximum) {
  const Vec<Arch> zero(0.0F), offset(maximum);
  Vec<Arch> sum(0.0F);
  for_each_vector<Arch>(n, [&](std::int64_t i, std::int64_t count) {
    const Vec<Arch> y = wanted.load(i, count);
    const Vec<Arch> distance = load_some<Arch>(row + i, count, maximum) - offset;
    sum += xsimd::select(y == zero, zero, y * distance);
  });
  return sum_lanes<Arch>(sum);
}

template <class Arch>
inline float sum_row(std::int64_t n, const float* row) {
  Vec<Arch> sum(0.0F);
  for_each_vector<Arch>(n, [&](std::int64_t i, std::int64_t count) { sum += load_some<Arch>(row + i, count); });
  return sum_lanes<Arch>(sum);
}

/// row -= scale * y
template <class Arch>
inline void subtract_wanted(std::int64_t n, const Wanted<Arch>& wanted, float scale, float* row) {
  const Vec<Arch> factor(-scale);
  for_each_vector<Arch>(n, [&](std::int64_t i, std::int64_t count) {
    store_some<Arch>(row + i, count,
                     madd<Arch>(factor, wanted.load(i, count), load_some<Arch>(row + i, count)));
  });
}

template <class Arch>
void softmax_cross_entropy(const LossArgs& args) noexcept {
  const std::int64_t n = args.columns;
  Wanted<Arch> wanted{args.targets, 1.0F - args.smoothing, args.smoothing / static_cast<float>(n)};
  const bool spread = args.targets != nullptr || args.smoothing > 0;  // over more than a label
  for (std::int64_t row = 0; row < args.rows; ++row) {
    const float* const logits = args.outputs + row * n;
    float* const d_logits = args.d_outputs + row * n;
    const float maximum = row_maximum<Arch>(n, logits);
    float total = 1;     // sum of y
    float distance = 0;  // sum of y * (logit - maximum)
    if (args.targets != nullptr) {
      total = wanted.rest * sum_row<Arch>(n, wanted.targets) + args.smoothing;
    } else {
      distance = wanted.rest * (logits[args.labels[row]] - maximum);
    }
    if (spread) distance += wanted_distance<Arch>(n, wanted, logits, maximum);
    const float sum = exponentials<Arch>(n, logits, maximum, d_logits);
    args.losses[row] = total * std::log(sum) - distance;
    scale_row<Arch>(n, args.gradient_scale * total / sum, d_logits);
    if (spread) subtract_wanted<Arch>(n, wanted, args.gradient_scale, d_logits);
    if (args.targets != nullptr) {
      wanted.targets += n;
    } else {
      d_logits[args.labels[row]] -= args.gradient_scale * wanted.rest;
    }
  }
}

template <class Arch>
void mean_squared_error(const LossArgs& args) noexcept {
  const std::int64_t n = args.columns;
  const float share = 1.0F / static_cast<float>(n);
  const Vec<Arch> factor(2.0F * args.gradient_scale * share);
  Wanted<Arch> wanted{args.targets, 1.0F, 0.0F};
  for (std::int64_t row = 0; row < args.rows; ++row) {
    const float* const outputs = args.outputs + row * n;
    float* const d_outputs = args.d_outputs + row * n;
    for_each_vector<Arch>(n, [&](std::int64_t i, std::int64_t count) {
      store_some<Arch>(d_outputs + i, count, load_some<Arch>(outputs + i, count) - wanted.load(i, count));
    });
    if (args.targets != nullptr) {
      wanted.targets += n;
    } else {
      d_outputs[args.labels[row]] -= 1.0F;
    }
    Vec<Arch> squares(0.0F);
    for_each_vector<Arch>(n, [&](std::int64_t i, std::int64_t count) {
      const Vec<Arch> difference = load_some<Arch>(d_outputs + i, count);
      squares = madd<Arch>(difference, difference, squares);
      store_some<Arch>(d_outputs + i, count, factor * difference);
    });
    args.losses[row] = share * sum_lanes<Arch>(squares);
  }
}

}  // namespace tilewise::simd
