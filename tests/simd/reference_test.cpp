// The references are what everything else is compared with, so they are checked against something
// else: the backward passes against the forward ones.

#include "support/reference.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include "simd/conv_cases.hpp"
#include "simd/pool_cases.hpp"
#include "support/random_data.hpp"

namespace tilewise::reference {
namespace {

using testing::random_values;
using Values = std::vector<double>;

double dot(const Values& a, const Values& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

/// Central differences of f at x.
template <class Function>
Values differences(Function f, Values x) {
  constexpr double kStep = 1e-5;
  Values gradient;
  for (double& value : x) {
    const double old = value;
    value = old + kStep;
    const double above = f(x);
    value = old - kStep;
    const double below = f(x);
    value = old;
    gradient.push_back((above - below) / (2 * kStep));
  }
  return gradient;
}

/// The error of a central difference is about step^2 = 1e-10 and 1e-16 / step = 1e-11.
void expect_gradients(const Values& actual, const Values& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) EXPECT_NEAR(actual[i], expected[i], 1e-8) << i;
}

// A convolution without bias is linear in src and in wei, so its gradients are its adjoints:
//   <conv(src, wei), d_dst> = <src, d_src> = <wei, d_wei>
TEST(Reference, convolution_gradients_are_adjoint) {
  for (const simd::ConvShape& s : testing::awkward_convolutions()) {
    const auto src = random_values<double>(s.src_size(), 1);
    const auto wei = random_values<double>(s.wei_size(), 2);
    const auto d_dst = random_values<double>(s.dst_size(), 3);
    const Values bias(static_cast<std::size_t>(s.oc));
    Values dst(d_dst.size()), d_src(src.size()), d_wei(wei.size());
    conv_forward(s, src.data(), wei.data(), bias.data(), -1e300, dst.data());
    conv_backward_data(s, d_dst.data(), wei.data(), d_src.data());
    conv_backward_weights(s, src.data(), d_dst.data(), d_wei.data());
    const double tolerance = 1e-15 * s.multiply_adds() + 1e-13;
    EXPECT_NEAR(dot(dst, d_dst), dot(src, d_src), tolerance) << s.to_string();
    EXPECT_NEAR(dot(dst, d_dst), dot(wei, d_wei), tolerance) << s.to_string();
  }
}

TEST(Reference, gemm_example) {
  const Values a{1, 2, 3, 4, 5, 6};  // 2 x 3
  const Values b{1, 0, 2, 1, 0, 3};  // 3 x 2
  Values c{100, 100, 100, 100};
  gemm({.m = 2, .n = 2, .k = 3, .alpha = 2, .lda = 3, .ldb = 2, .beta = 1, .ldc = 2}, a.data(),
       b.data(), c.data());
  EXPECT_EQ(c, (Values{110, 122, 128, 146}));
}

TEST(Reference, softmax_gradient) {
  constexpr std::int64_t kClasses = 5;
  const auto x = random_values<double>(kClasses, 1);
  const auto d_dst = random_values<double>(kClasses, 2);
  Values y(kClasses), d_x(kClasses);
  softmax(1, kClasses, x.data(), y.data());
  softmax_backward(1, kClasses, y.data(), d_dst.data(), d_x.data());
  const auto function = [&](const Values& at) {
    Values probabilities(kClasses);
    softmax(1, kClasses, at.data(), probabilities.data());
    return dot(probabilities, d_dst);
  };
  expect_gradients(d_x, differences(function, x));
}

TEST(Reference, loss_gradients) {
  constexpr std::int64_t kClasses = 5;
  const std::int32_t label = 3;
  const auto targets = random_values(kClasses, 2);
  const auto x = random_values<double>(kClasses, 1);
  for (const auto loss : {softmax_cross_entropy<double>, mean_squared_error<double>}) {
    for (const bool with_targets : {false, true}) {
      const simd::LossArgs args{.rows = 1,
                                .columns = kClasses,
                                .labels = with_targets ? nullptr : &label,
                                .targets = with_targets ? targets.data() : nullptr,
                                .smoothing = with_targets ? 0.1F : 0};
      double value = 0;
      const auto function = [&](const Values& at) {
        Values ignored(kClasses);
        loss(args, at.data(), &value, ignored.data());
        return value;
      };
      Values d_x(kClasses);
      loss(args, x.data(), &value, d_x.data());
      expect_gradients(d_x, differences(function, x));
    }
  }
}

TEST(Reference, losses) {
  const std::int32_t label = 3;
  const simd::LossArgs args{.rows = 1, .columns = 5, .labels = &label};
  const auto x = random_values<double>(5, 1);
  Values y(5), d_x(5);
  double loss = 0;
  softmax_cross_entropy(args, x.data(), &loss, d_x.data());
  softmax(1, 5, x.data(), y.data());
  EXPECT_NEAR(loss, -std::log(y[3]), 1e-15);
  mean_squared_error(args, x.data(), &loss, d_x.data());
  const double squares = dot(x, x) - 2 * x[3] + 1;
  EXPECT_NEAR(loss, squares / 5, 1e-15);
}

TEST(Reference, max_pool_gradient) {
  const simd::PoolGeometry g{.ih = 5, .iw = 6, .oh = 3, .ow = 3, .channels = 2, .kh = 3,
                                .kw = 3, .stride_h = 2, .stride_w = 2, .pad_top = 1,
                                .pad_left = 1};
  const auto x = random_values<double>(g.ih * g.iw * g.channels, 1);
  const auto d_dst = random_values<double>(g.oh * g.ow * g.channels, 2);
  std::vector<simd::PoolPlace> argmax(d_dst.size());
  const auto function = [&](const Values& at) {
    Values dst(d_dst.size());
    max_pool_forward(g, at.data(), dst.data(), argmax.data());
    return dot(dst, d_dst);
  };
  const Values expected = differences(function, x);
  function(x);
  Values d_x(x.size());
  max_pool_backward(g, d_dst.data(), argmax.data(), d_x.data());
  expect_gradients(d_x, expected);
}

TEST(Reference, relu_gradient) {
  const auto x = random_values<double>(20, 1);
  const auto d_dst = random_values<double>(20, 2);
  Values y(20), d_x(20);
  relu_forward(20, x.data(), y.data());
  relu_backward(20, y.data(), d_dst.data(), d_x.data());
  const auto function = [&](const Values& at) {
    Values dst(20);
    relu_forward(20, at.data(), dst.data());
    return dot(dst, d_dst);
  };
  expect_gradients(d_x, differences(function, x));
}

// Averages are linear in src, so their gradient is the adjoint.
TEST(Reference, average_pool_gradient_is_adjoint) {
  for (simd::PoolGeometry g : testing::pool_geometries()) {
    g.channels = 2;
    const auto src = random_values<double>(testing::src_size(g), 1);
    const auto d_dst = random_values<double>(testing::dst_size(g), 2);
    Values dst(d_dst.size()), d_src(src.size());
    average_pool_forward(g, src.data(), dst.data());
    average_pool_backward(g, d_dst.data(), d_src.data());
    EXPECT_NEAR(dot(dst, d_dst), dot(src, d_src), 1e-13) << testing::describe(g);
  }
}

constexpr simd::PointwiseArgs kPointwise[] = {
    {simd::Pointwise::leaky_relu, 0.3F}, {simd::Pointwise::elu, 0.7F}, {simd::Pointwise::sigmoid},
    {simd::Pointwise::tanh},             {simd::Pointwise::silu},      {simd::Pointwise::gelu},
    {simd::Pointwise::gelu_tanh}};

TEST(Reference, pointwise_gradients) {
  const Values x{-9, -3.5, -1, -0.75, -0.2, -1e-3, 1e-3, 0.3, 1, 2.5, 8};
  const auto n = static_cast<std::int64_t>(x.size());
  const auto d_dst = random_values<double>(n, 2);
  for (const simd::PointwiseArgs& f : kPointwise) {
    Values y(x.size()), d_x(x.size());
    pointwise_forward(f, n, x.data(), y.data());
    pointwise_backward(f, n, simd::derivative_reads_dst(f.function) ? y.data() : x.data(),
                       d_dst.data(), d_x.data());
    const auto function = [&](const Values& at) {
      Values dst(at.size());
      pointwise_forward(f, n, at.data(), dst.data());
      return dot(dst, d_dst);
    };
    SCOPED_TRACE(static_cast<int>(f.function));
    expect_gradients(d_x, differences(function, x));
  }
}

// Of keras.activations, in double.
TEST(Reference, pointwise_values) {
  const auto value = [](simd::Pointwise function, double x) {
    return pointwise<double>({function, 0.25F}, x);
  };
  using enum simd::Pointwise;
  EXPECT_EQ(value(leaky_relu, -2), -0.5);
  EXPECT_EQ(value(leaky_relu, 3), 3);
  EXPECT_NEAR(value(elu, -1), 0.25 * -0.6321205588285577, 1e-15);
  EXPECT_NEAR(value(sigmoid, -2), 0.11920292202211755, 1e-15);
  EXPECT_NEAR(value(simd::Pointwise::tanh, 0.5), 0.46211715726000975, 1e-15);
  EXPECT_NEAR(value(silu, -1), -0.2689414213699951, 1e-15);
  EXPECT_NEAR(value(silu, 3), 2.8577223804673, 1e-13);
  EXPECT_NEAR(value(gelu, 1), 0.8413447460685429, 1e-15);
  EXPECT_NEAR(value(gelu, -2), -0.04550026389635842, 1e-15);
  EXPECT_NEAR(value(gelu_tanh, 1), 0.8411919906082768, 1e-15);
  EXPECT_NEAR(value(gelu_tanh, -2), -0.04540230591222494, 1e-15);
}

}  // namespace
}  // namespace tilewise::reference
