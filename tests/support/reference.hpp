#pragma once

// Plain scalar versions of every operation, straight from the formulas in the headers that declare
// the fast ones. Templates on the type: in double they are what kernels are compared with, and what
// finite differences are taken of; over absolute values they give the scale of a rounding error.
//
// Sizes, layouts and meanings are those of the fast versions. Results are overwritten unless said
// otherwise.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <vector>

#include "support/reference_pooling.hpp"
#include "support/reference_products.hpp"
#include "tilewise/core/random.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::reference {

template <class T>
void copy_matrix(std::int64_t rows, std::int64_t columns, const T* src, std::int64_t src_stride,
                 T* dst, std::int64_t dst_stride, std::int64_t padded) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < std::max(columns, padded); ++c) {
      dst[r * dst_stride + c] = c < columns ? src[r * src_stride + c] : T(0);
    }
  }
}

template <class T>
void transpose(std::int64_t rows, std::int64_t columns, const T* src, std::int64_t src_stride,
               T* dst, std::int64_t dst_stride, std::int64_t padded) {
  for (std::int64_t c = 0; c < columns; ++c) {
    for (std::int64_t r = 0; r < std::max(rows, padded); ++r) {
      dst[c * dst_stride + r] = r < rows ? src[r * src_stride + c] : T(0);
    }
  }
}

template <class T>
void add_windows(std::int64_t windows, std::int64_t rows, std::int64_t n, const T* src,
                 std::int64_t src_window, T* dst, std::int64_t dst_window, std::int64_t dst_row) {
  for (std::int64_t i = 0; i < windows * rows * n; ++i) {
    const std::int64_t window = i / n / rows, row = i / n % rows, column = i % n;
    dst[window * dst_window + row * dst_row + column] += src[window * src_window + row * n + column];
  }
}

template <class T>
void add(std::int64_t n, const T* src, T* dst) {
  for (std::int64_t i = 0; i < n; ++i) dst[i] += src[i];
}

template <class T>
void scale_bytes(std::int64_t n, const std::uint8_t* src, T scale, T* dst) {
  for (std::int64_t i = 0; i < n; ++i) dst[i] = scale * static_cast<T>(src[i]);
}

template <class T>
void warp(const simd::WarpArgs& args, const T* src, T* dst) {
  const std::int64_t pitch = (args.columns + 3) * args.channels;
  const auto place = [&](int axis, std::int64_t r, std::int64_t c, std::int64_t extent) {
    std::int64_t at = args.origin[axis] + r * args.down[axis] + c * args.across[axis];
    if (args.shifts[axis] != nullptr) {
      at += static_cast<std::int64_t>(double{args.shifts[axis][r * args.shift_pitch + c]} * 65536);
    }
    return std::clamp<std::int64_t>((at + 128) >> 8, -256, extent * 256);  // in 1/256 pixels
  };
  for (std::int64_t i = 0; i < args.rows * args.columns * args.channels; ++i) {
    const std::int64_t c = i / args.channels % args.columns, r = i / args.channels / args.columns;
    const std::int64_t row = place(0, r, c, args.rows), column = place(1, r, c, args.columns);
    const T* const p = src + ((row >> 8) + 1) * pitch + ((column >> 8) + 1) * args.channels + i % args.channels;
    const T lower = T(row & 255) / 256, right = T(column & 255) / 256;
    dst[i] = T(args.scale) * ((p[0] * (1 - right) + p[args.channels] * right) * (1 - lower) +
                              (p[pitch] * (1 - right) + p[pitch + args.channels] * right) * lower);
  }
}

template <class T>
void fir(std::int64_t n, std::int64_t taps, const T* weights, const T* src, std::int64_t step, T* dst) {
  for (std::int64_t i = 0; i < n; ++i) {
    dst[i] = 0;
    for (std::int64_t t = 0; t < taps; ++t) dst[i] += weights[t] * src[i + t * step];
  }
}

template <class T>
void relu_forward(std::int64_t n, const T* src, T* dst) {
  for (std::int64_t i = 0; i < n; ++i) dst[i] = src[i] < 0 ? T(0) : src[i];
}

template <class T>
void relu_backward(std::int64_t n, const T* dst, const T* d_dst, T* d_src) {
  for (std::int64_t i = 0; i < n; ++i) d_src[i] = dst[i] > 0 ? d_dst[i] : T(0);
}

template <class T>
T sigmoid(T x) {
  return 1 / (1 + std::exp(-x));
}

/// What is put into the sigmoid for gelu_tanh, and its derivative.
template <class T>
T gelu_argument(T x) {
  return 2 * std::sqrt(2 / std::numbers::pi_v<T>) * (x + T(0.044715) * x * x * x);
}
template <class T>
T gelu_argument_slope(T x) {
  return 2 * std::sqrt(2 / std::numbers::pi_v<T>) * (1 + 3 * T(0.044715) * x * x);
}

template <class T>
T pointwise(const simd::PointwiseArgs& f, T x) {
  switch (f.function) {
    case simd::Pointwise::leaky_relu: return x > 0 ? x : T(f.alpha) * x;
    case simd::Pointwise::elu: return x > 0 ? x : T(f.alpha) * std::expm1(x);
    case simd::Pointwise::sigmoid: return sigmoid(x);
    case simd::Pointwise::tanh: return std::tanh(x);
    case simd::Pointwise::silu: return x * sigmoid(x);
    case simd::Pointwise::gelu: return x * std::erfc(-x / std::numbers::sqrt2_v<T>) / 2;
    case simd::Pointwise::gelu_tanh: return x * sigmoid(gelu_argument(x));
  }
  return x;
}

/// The derivative from `kept`, which is f(x) or x as derivative_reads_dst() says.
template <class T>
T pointwise_slope(const simd::PointwiseArgs& f, T kept) {
  switch (f.function) {
    case simd::Pointwise::leaky_relu: return kept > 0 ? T(1) : T(f.alpha);
    case simd::Pointwise::elu: return kept > 0 ? T(1) : kept + T(f.alpha);
    case simd::Pointwise::sigmoid: return kept * (1 - kept);
    case simd::Pointwise::tanh: return 1 - kept * kept;
    case simd::Pointwise::silu: return sigmoid(kept) * (1 + kept * sigmoid(-kept));
    case simd::Pointwise::gelu:
      return std::erfc(-kept / std::numbers::sqrt2_v<T>) / 2 +
             kept * std::exp(-kept * kept / 2) / std::sqrt(2 * std::numbers::pi_v<T>);
    case simd::Pointwise::gelu_tanh:
      return sigmoid(gelu_argument(kept)) *
             (1 + kept * gelu_argument_slope(kept) * sigmoid(-gelu_argument(kept)));
  }
  return T(0);
}

template <class T>
void pointwise_forward(const simd::PointwiseArgs& f, std::int64_t n, const T* src, T* dst) {
  for (std::int64_t i = 0; i < n; ++i) dst[i] = pointwise(f, src[i]);
}

template <class T>
void pointwise_backward(const simd::PointwiseArgs& f, std::int64_t n, const T* kept, const T* d_dst,
                        T* d_src) {
  for (std::int64_t i = 0; i < n; ++i) d_src[i] = pointwise_slope(f, kept[i]) * d_dst[i];
}

/// Adds to d_bias.
template <class T>
void bias_gradient(std::int64_t rows, std::int64_t channels, const T* d_dst, T* d_bias) {
  for (std::int64_t i = 0; i < rows * channels; ++i) d_bias[i % channels] += d_dst[i];
}

/// Adds to sums and squares.
template <class T>
void column_deviations(std::int64_t rows, std::int64_t columns, const T* src, const T* center, T* sums,
                       T* squares) {
  for (std::int64_t i = 0; i < rows * columns; ++i) {
    const T off = src[i] - center[i % columns];
    sums[i % columns] += off;
    squares[i % columns] += off * off;
  }
}

template <class T>
void scale_shift(std::int64_t rows, std::int64_t columns, const T* scale, const T* shift, const T* src,
                 T* dst) {
  for (std::int64_t i = 0; i < rows * columns; ++i) {
    dst[i] = scale[i % columns] * src[i] + shift[i % columns];
  }
}

/// Adds to sums and products.
template <class T>
void batch_norm_sums(std::int64_t rows, std::int64_t columns, const T* src, const T* center,
                     const T* d_dst, T* sums, T* products) {
  for (std::int64_t i = 0; i < rows * columns; ++i) {
    sums[i % columns] += d_dst[i];
    products[i % columns] += d_dst[i] * (src[i] - center[i % columns]);
  }
}

template <class T>
void batch_norm_backward(std::int64_t rows, std::int64_t columns, const T* center, const T* scale,
                         const T* slope, const T* offset, const T* src, const T* d_dst, T* d_src) {
  for (std::int64_t i = 0; i < rows * columns; ++i) {
    const std::int64_t c = i % columns;
    d_src[i] = scale[c] * d_dst[i] + (slope[c] * (src[i] - center[c]) + offset[c]);
  }
}

/// The random number that decides whether an element is dropped.
inline std::uint32_t dropout_bits(const simd::DropoutArgs& args, std::int64_t element) {
  const std::int64_t block = element / 64 * 16 + element % 32 / 2;
  const std::int64_t word = element % 64 / 32 * 2 + element % 2;
  return philox4x32({static_cast<std::uint32_t>(block), args.counter[0], args.counter[1],
                     args.counter[2]},
                    {args.key[0], args.key[1]})[static_cast<std::size_t>(word)];
}

template <class T>
void dropout(const simd::DropoutArgs& args, std::int64_t first, std::int64_t n, const T* src,
             T* dst) {
  for (std::int64_t i = 0; i < n; ++i) {
    dst[i] = dropout_bits(args, first + i) < args.threshold ? -T(0) : T(args.scale) * src[i] + T(0);
  }
}

template <class T>
void dropout_backward(T scale, std::int64_t n, const T* dst, const T* d_dst, T* d_src) {
  for (std::int64_t i = 0; i < n; ++i) {
    d_src[i] = dst[i] == 0 && std::signbit(dst[i]) ? T(0) : scale * d_dst[i];
  }
}

template <class T>
void softmax(std::int64_t rows, std::int64_t classes, const T* src, T* dst) {
  for (std::int64_t row = 0; row < rows; ++row, src += classes, dst += classes) {
    const T maximum = *std::max_element(src, src + classes);
    T sum = 0;
    for (std::int64_t i = 0; i < classes; ++i) sum += dst[i] = std::exp(src[i] - maximum);
    for (std::int64_t i = 0; i < classes; ++i) dst[i] /= sum;
  }
}

template <class T>
void softmax_backward(std::int64_t rows, std::int64_t classes, const T* dst, const T* d_dst,
                      T* d_src) {
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t first = row * classes;
    T dot = 0;
    for (std::int64_t i = first; i < first + classes; ++i) dot += dst[i] * d_dst[i];
    for (std::int64_t i = first; i < first + classes; ++i) d_src[i] = dst[i] * (d_dst[i] - dot);
  }
}

/// What row `row` of the outputs should be in column `i`.
template <class T>
T wanted(const simd::LossArgs& args, std::int64_t row, std::int64_t i) {
  const T y = args.targets != nullptr ? T(args.targets[row * args.columns + i])
                                      : T(i == args.labels[row] ? 1 : 0);
  return (1 - T(args.smoothing)) * y + T(args.smoothing) / static_cast<T>(args.columns);
}

/// Outputs and results in place of the pointers of `args`.
template <class T>
void softmax_cross_entropy(const simd::LossArgs& args, const T* logits, T* losses, T* d_logits) {
  for (std::int64_t row = 0; row < args.rows; ++row, logits += args.columns, d_logits += args.columns) {
    const T maximum = *std::max_element(logits, logits + args.columns);
    T sum = 0;
    T total = 0;
    T distance = 0;
    for (std::int64_t i = 0; i < args.columns; ++i) {
      const T y = wanted<T>(args, row, i);
      sum += std::exp(logits[i] - maximum);
      total += y;
      if (y != 0) distance += y * (maximum - logits[i]);
    }
    losses[row] = total * std::log(sum) + distance;
    for (std::int64_t i = 0; i < args.columns; ++i) {
      const T share = std::exp(logits[i] - maximum) / sum;
      d_logits[i] = T(args.gradient_scale) * (total * share - wanted<T>(args, row, i));
    }
  }
}

/// Likewise.
template <class T>
void mean_squared_error(const simd::LossArgs& args, const T* outputs, T* losses, T* d_outputs) {
  const T columns = static_cast<T>(args.columns);
  for (std::int64_t row = 0; row < args.rows; ++row) {
    losses[row] = 0;
    for (std::int64_t i = 0; i < args.columns; ++i) {
      const std::int64_t at = row * args.columns + i;
      const T difference = outputs[at] - wanted<T>(args, row, i);
      losses[row] += difference * difference / columns;
      d_outputs[at] = T(args.gradient_scale) * 2 / columns * difference;
    }
  }
}

template <class T>
void add_scaled(std::int64_t n, T factor, const T* src, T* dst) {
  for (std::int64_t i = 0; i < n; ++i) dst[i] += factor * src[i];
}

template <class T>
void scale_and_clip(std::int64_t n, T factor, T limit, const T* src, T* dst) {
  for (std::int64_t i = 0; i < n; ++i) dst[i] = std::clamp(factor * src[i], -limit, limit);
}

template <class T>
double sum_squares(std::int64_t n, const T* src) {
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += double{src[i]} * double{src[i]};
  return sum;
}

template <class T>
bool all_finite(std::int64_t n, const T* src) {
  return std::all_of(src, src + n, [](T value) { return std::isfinite(value); });
}

/// Updates m, v and weights.
template <class T>
void adam_update(const simd::AdamArgs& args, std::int64_t n, const T* gradient, T* m, T* v,
                 T* weights) {
  const T beta1 = args.beta1;
  const T beta2 = args.beta2;
  for (std::int64_t i = 0; i < n; ++i) {
    m[i] = beta1 * m[i] + (1 - beta1) * gradient[i];
    v[i] = beta2 * v[i] + (1 - beta2) * gradient[i] * gradient[i];
    weights[i] -= T(args.decay) * weights[i] +
                  T(args.rate) * m[i] / (std::sqrt(v[i]) + T(args.epsilon));
  }
}

/// Updates velocity and weights.
template <class T>
void sgd_update(const simd::SgdArgs& args, std::int64_t n, const T* gradient, T* velocity,
                T* weights) {
  const T momentum = args.momentum;
  for (std::int64_t i = 0; i < n; ++i) {
    const T slope = -T(args.rate) * gradient[i];
    velocity[i] = momentum * velocity[i] + slope;
    const T step = args.nesterov ? momentum * velocity[i] + slope : velocity[i];
    weights[i] += step - T(args.decay) * weights[i];
  }
}

/// Updates velocity, average and moment, if they are not null, and weights.
template <class T>
void rmsprop_update(const simd::RmspropArgs& args, std::int64_t n, const T* gradient, T* velocity,
                    T* average, T* moment, T* weights) {
  const T rho = args.rho;
  for (std::int64_t i = 0; i < n; ++i) {
    velocity[i] = rho * velocity[i] + (1 - rho) * gradient[i] * gradient[i];
    T variance = velocity[i];
    if (average != nullptr) {
      average[i] = rho * average[i] + (1 - rho) * gradient[i];
      variance = std::max(T(0), variance - average[i] * average[i]);
    }
    T step = T(args.rate) * gradient[i] / std::sqrt(variance + T(args.epsilon));
    if (moment != nullptr) step = moment[i] = T(args.momentum) * moment[i] + step;
    weights[i] -= T(args.decay) * weights[i] + step;
  }
}

template <class T>
void moving_average(T momentum, std::int64_t n, const T* src, T* average) {
  for (std::int64_t i = 0; i < n; ++i) {
    average[i] = momentum * average[i] + (T(1) - momentum) * src[i];
  }
}

}  // namespace tilewise::reference
