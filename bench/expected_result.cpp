// What each case has to give, by the tests' references.

#include <limits>

#include "bench/case.hpp"
#include "support/reference.hpp"

namespace tilewise::bench {
namespace {

std::vector<float> expected(const Case& c, const GemmProblem& p) {
  std::vector<float> result(static_cast<std::size_t>(p.m * p.n));
  reference::gemm(p.args(), operand(c, 0, p.m * p.k).data(), operand(c, 1, p.k * p.n).data(),
                  result.data());
  return result;
}

std::vector<float> expected(const Case& c, const ConvProblem& p) {
  const simd::ConvShape& s = p.shape;
  const std::vector<float> src = operand(c, 0, p.batch * s.src_size());
  const std::vector<float> wei = operand(c, 1, s.wei_size());
  const std::vector<float> bias = operand(c, 2, s.oc);
  const std::vector<float> dst = operand(c, 3, p.batch * s.dst_size());
  const bool forward = c.operation == "conv_forward";
  const bool to_weights = c.operation == "conv_backward_weights";
  std::vector<float> result(forward ? dst.size() : to_weights ? wei.size() : src.size());
  constexpr float kNoFloor = -std::numeric_limits<float>::infinity();
  for (std::int64_t i = 0; i < p.batch; ++i) {
    const float* const image = src.data() + i * s.src_size();
    const float* const gradient = dst.data() + i * s.dst_size();
    if (forward) {
      reference::conv_forward(s, image, wei.data(), bias.data(), kNoFloor,
                              result.data() + i * s.dst_size());
    } else if (to_weights) {
      reference::conv_backward_weights(s, image, gradient, result.data());
    } else {
      reference::conv_backward_data(s, gradient, wei.data(), result.data() + i * s.src_size());
    }
  }
  return result;
}

std::vector<float> expected(const Case& c, const DepthwiseProblem& p) {
  const simd::ConvShape& s = p.shape;
  // Channel by channel: a dense convolution would take as many times as long.
  simd::ConvShape one = s;
  one.ic = one.oc = 1;
  const std::vector<float> src = operand(c, 0, p.batch * s.src_size());
  const std::vector<float> wei = operand(c, 1, p.wei_size());
  const std::vector<float> bias = operand(c, 2, s.oc);
  const std::vector<float> d_dst = operand(c, 3, p.batch * s.dst_size());
  const bool forward = c.operation == "depthwise_forward";
  const bool to_weights = c.operation == "depthwise_backward_weights";
  std::vector<float> result(forward ? d_dst.size() : to_weights ? wei.size() : src.size());
  const auto channel = [&](const std::vector<float>& all, std::int64_t first, std::int64_t size,
                           std::int64_t ch) {
    std::vector<float> plane;
    for (std::int64_t i = 0; i < size; ++i) plane.push_back(all[static_cast<std::size_t>(first + i * s.ic + ch)]);
    return plane;
  };
  for (std::int64_t i = 0; i < p.batch * s.ic; ++i) {
    const std::int64_t n = i / s.ic, ch = i % s.ic;
    const auto image = channel(src, n * s.src_size(), one.src_size(), ch);
    const auto gradient = channel(d_dst, n * s.dst_size(), one.dst_size(), ch);
    const auto filter = channel(wei, 0, one.wei_size(), ch);
    const std::int64_t first = forward ? n * s.dst_size() : to_weights ? 0 : n * s.src_size();
    auto out = channel(result, first, forward ? one.dst_size() : to_weights ? one.wei_size() : one.src_size(), ch);
    if (forward) {
      reference::conv_forward(one, image.data(), filter.data(), &bias[static_cast<std::size_t>(ch)],
                              -std::numeric_limits<float>::infinity(), out.data());
    } else if (to_weights) {
      reference::conv_backward_weights(one, image.data(), gradient.data(), out.data());
    } else {
      reference::conv_backward_data(one, gradient.data(), filter.data(), out.data());
    }
    for (std::size_t j = 0; j < out.size(); ++j) {
      result[static_cast<std::size_t>(first + ch) + j * static_cast<std::size_t>(s.ic)] = out[j];
    }
  }
  return result;
}

std::vector<float> expected(const Case& c, const PooledConvProblem& p) {
  const simd::ConvShape& s = p.shape;
  const std::vector<float> src = operand(c, 0, p.batch * s.src_size());
  const std::vector<float> wei = operand(c, 1, s.wei_size());
  const std::vector<float> d_pooled = operand(c, 2, p.batch * p.pooled_size());
  std::vector<simd::PoolPlace> argmax;
  for (std::int64_t i = 0; i < p.batch * p.pooled_size(); ++i) argmax.push_back(p.argmax(i));
  std::vector<float> convolved(static_cast<std::size_t>(s.dst_size()));
  if (c.operation == "pooled_conv_forward") {
    constexpr float kNoFloor = -std::numeric_limits<float>::infinity();
    const std::vector<float> bias = operand(c, 3, s.oc);
    std::vector<float> pooled(d_pooled.size());
    for (std::int64_t i = 0; i < p.batch; ++i) {
      reference::conv_forward(s, src.data() + i * s.src_size(), wei.data(), bias.data(), kNoFloor,
                              convolved.data());
      reference::max_pool_forward(p.pool(), convolved.data(), pooled.data() + i * p.pooled_size(),
                                  argmax.data() + i * p.pooled_size());
    }
    return pooled;
  }
  const bool to_weights = c.operation == "pooled_conv_backward_weights";
  std::vector<float>& d_dst = convolved;
  std::vector<float> result(to_weights ? wei.size() : src.size());
  for (std::int64_t i = 0; i < p.batch; ++i) {
    reference::max_pool_backward(p.pool(), d_pooled.data() + i * p.pooled_size(),
                                 argmax.data() + i * p.pooled_size(), d_dst.data());
    if (to_weights) {
      reference::conv_backward_weights(s, src.data() + i * s.src_size(), d_dst.data(), result.data());
    } else {
      reference::conv_backward_data(s, d_dst.data(), wei.data(), result.data() + i * s.src_size());
    }
  }
  return result;
}

std::vector<float> expected(const Case& c, const MaxPoolProblem& p) {
  const simd::PoolGeometry& g = p.geometry;
  const std::int64_t src_size = p.src_size() / p.batch;
  const std::int64_t dst_size = p.dst_size() / p.batch;
  const std::vector<float> src = operand(c, 0, p.src_size());
  const std::vector<float> d_dst = operand(c, 1, p.dst_size());
  std::vector<float> dst(d_dst.size()), d_src(src.size());
  std::vector<simd::PoolPlace> argmax(d_dst.size());
  for (std::int64_t i = 0; i < p.batch; ++i) {
    const std::int64_t at = i * dst_size;
    if (c.operation.starts_with("average")) {
      reference::average_pool_forward(g, src.data() + i * src_size, dst.data() + at);
      reference::average_pool_backward(g, d_dst.data() + at, d_src.data() + i * src_size);
      continue;
    }
    reference::max_pool_forward(g, src.data() + i * src_size, dst.data() + at, argmax.data() + at);
    reference::max_pool_backward(g, d_dst.data() + at, argmax.data() + at,
                                 d_src.data() + i * src_size);
  }
  return c.operation.ends_with("forward") ? dst : d_src;
}

std::vector<float> expected(const Case& c, const VectorProblem& p) {
  const std::int64_t n = p.n;
  const std::vector<float> a = operand(c, 0, n);
  const std::vector<float> b = operand(c, 1, n);
  std::vector<float> result(a.size());
  if (c.operation == "add") {
    reference::add(n, a.data(), result.data());  // to zeros
  } else if (c.operation == "add_scaled") {
    reference::add_scaled(n, kFactor, a.data(), result.data());
  } else if (c.operation == "scale_and_clip") {
    reference::scale_and_clip(n, kFactor, kLimit, a.data(), result.data());
  } else if (c.operation == "sum_squares") {
    result[0] = static_cast<float>(reference::sum_squares(n, a.data()));
  } else if (c.operation == "all_finite") {
    result[0] = reference::all_finite(n, a.data()) ? 1.0F : 0.0F;
  } else if (c.operation == "relu_forward") {
    reference::relu_forward(n, a.data(), result.data());
  } else if (c.operation == "relu_backward") {
    reference::relu_backward(n, a.data(), b.data(), result.data());
  } else if (c.operation == "dropout") {
    reference::dropout(kDropout, 0, n, a.data(), result.data());
  } else if (c.operation == "dropout_backward") {
    reference::dropout_backward(kDropout.scale, n, a.data(), b.data(), result.data());
  } else if (c.operation == "adam_update") {
    std::vector<float> m(a.size()), v(a.size());
    reference::adam_update(kAdam, n, a.data(), m.data(), v.data(), result.data());
  } else if (c.operation == "sgd_update") {
    std::vector<float> velocity(a.size());
    reference::sgd_update(kSgd, n, a.data(), velocity.data(), result.data());
  } else if (const NamedPointwise* f = pointwise_of(c)) {
    if (c.operation.ends_with("forward")) {
      reference::pointwise_forward(f->function, n, a.data(), result.data());
    } else {
      reference::pointwise_backward(f->function, n, a.data(), b.data(), result.data());
    }
  } else if (c.operation == "fir") {
    const std::vector<float> src = operand(c, 0, n + kFirTaps - 1);
    reference::fir(n, kFirTaps, operand(c, 1, kFirTaps).data(), src.data(), 1, result.data());
  } else if (c.operation == "moving_average") {
    reference::moving_average(kAverageMomentum, n, a.data(), result.data());  // with zeros
  } else {
    std::vector<float> velocity(a.size());
    float* const none = nullptr;
    reference::rmsprop_update(kRmsprop, n, a.data(), velocity.data(), none, none, result.data());
  }
  return result;
}

std::vector<float> expected(const Case& c, const MatrixProblem& p) {
  const auto [rows, columns] = p;
  const std::vector<float> a = operand(c, 0, p.size());
  const std::vector<float> b = operand(c, 1, p.size());
  std::vector<float> result(a.size());
  if (c.operation == "copy_matrix") {
    reference::copy_matrix(rows, columns, a.data(), columns, result.data(), columns, 0);
  } else if (c.operation == "transpose") {
    reference::transpose(rows, columns, a.data(), columns, result.data(), rows, 0);
  } else if (c.operation == "add_windows") {
    reference::add_windows(rows, 1, columns, a.data(), columns, result.data(), columns, 0);
  } else if (c.operation == "bias_gradient") {
    result.assign(static_cast<std::size_t>(columns), 0.0F);
    reference::bias_gradient(rows, columns, a.data(), result.data());
  } else if (c.operation == "column_deviations" || c.operation == "batch_norm_sums") {
    // What a column has at its first element is its center; both sums, one after the other.
    result.assign(static_cast<std::size_t>(2 * columns), 0.0F);
    float* const sums = result.data();
    if (c.operation == "batch_norm_sums") {
      reference::batch_norm_sums(rows, columns, a.data(), a.data(), b.data(), sums, sums + columns);
    } else {
      reference::column_deviations(rows, columns, a.data(), a.data(), sums, sums + columns);
    }
  } else if (c.operation == "scale_shift") {
    reference::scale_shift(rows, columns, b.data(), a.data(), a.data(), result.data());
  } else if (c.operation == "batch_norm_backward") {
    reference::batch_norm_backward(rows, columns, a.data(), b.data(), a.data(), b.data(), a.data(),
                                   b.data(), result.data());
  } else if (c.operation == "softmax") {
    reference::softmax(rows, columns, a.data(), result.data());
  } else if (c.operation == "softmax_backward") {
    reference::softmax_backward(rows, columns, a.data(), b.data(), result.data());
  } else {
    const std::vector<std::int32_t> labels(static_cast<std::size_t>(rows), 0);
    std::vector<float> losses(labels.size());
    const simd::LossArgs args{.rows = rows, .columns = columns, .labels = labels.data()};
    if (c.operation == "softmax_cross_entropy") {
      reference::softmax_cross_entropy(args, a.data(), losses.data(), result.data());
    } else {
      reference::mean_squared_error(args, a.data(), losses.data(), result.data());
    }
  }
  return result;
}

std::vector<float> expected(const Case&, const BatchProblem& p) {
  std::vector<float> result;
  for (std::int64_t i = 0; i < p.images; ++i) {
    for (std::int64_t j = 0; j < p.pixels; ++j) {
      result.push_back(static_cast<float>(BatchProblem::pixel(p.image(i), j)) * (1.0F / 255.0F));
    }
  }
  return result;
}

std::vector<float> expected(const Case&, const WarpProblem& p) {
  std::vector<float> result(static_cast<std::size_t>(p.batch * p.size()));
  const std::vector<float> frames = p.frames();
  for (std::int64_t i = 0; i < p.batch; ++i) {
    reference::warp(p.args(), frames.data() + i * p.frame_size(), result.data() + i * p.size());
  }
  return result;
}

}  // namespace

std::vector<float> expected_result(const Case& c) {
  return std::visit([&](const auto& problem) { return expected(c, problem); }, c.shape.problem);
}

}  // namespace tilewise::bench
