#include "tilewise/simd/conv_winograd.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "simd/winograd_cases.hpp"
#include "support/guarded_array.hpp"
#include "support/random_data.hpp"
#include "support/reference.hpp"
#include "support/tolerance.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/simd/conv_backward_data.hpp"
#include "tilewise/simd/conv_direct.hpp"
#include "tilewise/simd/conv_forward.hpp"

namespace tilewise::simd {
namespace {

using testing::all_equal;
using testing::all_near;
using testing::GuardedArray;
using testing::magnitudes;
using testing::Pattern;
using testing::random_values;
using testing::transform;
using testing::widen;
using testing::winograd_matrices;
using testing::winograd_pixels_at;
using testing::winograd_roundings;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Data {
  Data(const ConvShape& shape, Pattern pattern)
      : src(random_values(shape.src_size(), 1, pattern)),
        wei(random_values(shape.wei_size(), 2, pattern)),
        bias(random_values(shape.oc, 3, pattern)) {}

  std::vector<float> src, wei, bias;
};

std::vector<float> run(const ConvShape& shape, WinogradSize size, const Data& data, float floor) {
  const ConvWinograd conv(default_kernels(), shape, size);
  const GuardedArray<float> src(data.src), wei(data.wei), bias(data.bias);
  GuardedArray<float> packed(conv.packed_floats()), dst(shape.dst_size()), scratch(conv.scratch_floats());
  conv.pack(wei.data(), packed.data());
  conv.images(1, src.data(), packed.data(), bias.data(), floor, dst.data(),
              Workspace(scratch.data(), conv.scratch_floats()));
  EXPECT_TRUE(packed.intact() && dst.intact() && scratch.intact());
  return {dst.span().begin(), dst.span().end()};
}

std::vector<double> expected(const ConvShape& shape, const Data& data, double floor) {
  std::vector<double> dst(static_cast<std::size_t>(shape.dst_size()));
  reference::conv_forward(shape, widen(data.src).data(), widen(data.wei).data(), widen(data.bias).data(), floor,
                          dst.data());
  return dst;
}

/// Transforms of src, of filters and back, a sum of ic products and the bias: so many roundings of what the terms'
/// magnitudes add up to.
std::vector<double> bounds(const ConvShape& s, WinogradSize size, const Data& data) {
  const testing::WinogradMatrices matrices = winograd_matrices(size);
  const std::int64_t m = winograd_outputs(size);
  const auto positions = static_cast<std::size_t>(winograd_positions(size));
  std::vector<double> scale(static_cast<std::size_t>(s.dst_size()));
  const std::vector<double> src = magnitudes(data.src), wei = magnitudes(data.wei), bias = magnitudes(data.bias);
  std::vector<std::vector<double>> filters;  // of ic and oc
  for (std::int64_t i = 0; i < s.ic * s.oc; ++i) {
    std::vector<double> taps;
    for (std::int64_t t = 0; t < 9; ++t) taps.push_back(wei[static_cast<std::size_t>(t * s.ic * s.oc + i)]);
    filters.push_back(transform(matrices.g, taps, true));
  }
  for (std::int64_t oh = 0; oh < s.oh(); oh += m) {
    for (std::int64_t ow = 0; ow < s.ow(); ow += m) {
      std::vector<std::vector<double>> pixels;
      for (std::int64_t ic = 0; ic < s.ic; ++ic) {
        pixels.push_back(transform(matrices.b, winograd_pixels_at(s, size, src, oh, ow, ic), true));
      }
      for (std::int64_t oc = 0; oc < s.oc; ++oc) {
        std::vector<double> sums(positions);
        for (std::int64_t ic = 0; ic < s.ic; ++ic) {
          const std::vector<double>& filter = filters[static_cast<std::size_t>(ic * s.oc + oc)];
          for (std::size_t p = 0; p < positions; ++p) sums[p] += pixels[static_cast<std::size_t>(ic)][p] * filter[p];
        }
        const std::vector<double> tile = transform(matrices.a, sums, true);
        for (std::int64_t i = 0; i < m * m; ++i) {
          if (oh + i / m >= s.oh() || ow + i % m >= s.ow()) continue;
          scale[static_cast<std::size_t>(((oh + i / m) * s.ow() + ow + i % m) * s.oc + oc)] =
              tile[static_cast<std::size_t>(i)] + bias[static_cast<std::size_t>(oc)];
        }
      }
    }
  }
  return testing::bounds(static_cast<double>(s.ic) + 3 * winograd_roundings(size) + 1, scale);
}

TEST(ConvWinograd, matches_the_reference) {
  for (const ConvShape& shape : testing::winograd_convolutions()) {
    for (const WinogradSize size : kWinogradSizes) {
      SCOPED_TRACE(shape.to_string() + " by " + ConvWinograd(default_kernels(), shape, size).kernel());
      const Data exact(shape, Pattern::integers), real(shape, Pattern::uniform);
      if (size == WinogradSize::two) {
        ASSERT_TRUE(all_equal(run(shape, size, exact, -kInfinity), expected(shape, exact, -kInfinity)));
        ASSERT_TRUE(all_equal(run(shape, size, exact, 0), expected(shape, exact, 0)));
      }
      const std::vector<double> error = bounds(shape, size, real);
      ASSERT_TRUE(all_near(run(shape, size, real, -kInfinity), expected(shape, real, -kInfinity), error));
      ASSERT_TRUE(all_near(run(shape, size, real, 0), expected(shape, real, 0), error));
    }
  }
}

/// The root of the mean square of errors over that of results, for normal random numbers.
double relative_error(const std::vector<float>& actual, const std::vector<double>& expected) {
  double error = 0, square = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    error += (actual[i] - expected[i]) * (actual[i] - expected[i]);
    square += expected[i] * expected[i];
  }
  return std::sqrt(error / square);
}

// What is chosen on its own is to be about as exact as what it is chosen instead of.
TEST(ConvWinograd, is_about_as_exact_as_the_direct_way) {
  for (const std::int64_t ic : {16, 32, 64, 128, 256, 512}) {
    const ConvShape shape{.ic = ic, .ih = 10, .iw = 10, .oc = 16, .kh = 3, .kw = 3};
    const Data data(shape, Pattern::uniform);
    const std::vector<double> exact = expected(shape, data, -kInfinity);
    const ConvDirect conv(default_kernels(), shape);
    std::vector<float> packed(static_cast<std::size_t>(conv.packed_floats())), dst(exact.size());
    std::vector<float> scratch(static_cast<std::size_t>(conv.scratch_floats()));
    conv.pack(data.wei.data(), packed.data());
    conv.images(1, data.src.data(), packed.data(), data.bias.data(), -kInfinity, dst.data(),
                Workspace(scratch.data(), conv.scratch_floats()));
    const double direct = relative_error(dst, exact);
    EXPECT_LT(relative_error(run(shape, WinogradSize::two, data, -kInfinity), exact), direct) << ic << " channels";
    EXPECT_LT(relative_error(run(shape, WinogradSize::four, data, -kInfinity), exact), 2.5 * direct) << ic;
  }
}

/// Whether the results of Pattern::integers from so many channels, -3 to 3, are as expected: to the bit with tiles of
/// 2 x 2. Those of 4 x 4 add up terms that are so many times as large, each axis by itself.
::testing::AssertionResult is_sum_of_integers(std::span<const float> actual, const std::vector<float>& expected,
                                              WinogradSize size, std::int64_t channels) {
  if (size == WinogradSize::two) return all_equal(actual, expected);
  const double scale = 7.2 * 7.2 * 9 * 9 * static_cast<double>(channels);
  const double roundings = static_cast<double>(channels) + 3 * winograd_roundings(size);
  const std::vector<double> error(expected.size(), testing::gamma(roundings) * scale);
  return all_near(actual, widen(expected), error);
}

/// Of tiles; 2 x 2, to be exact, where there are none.
WinogradSize size_of(const std::string& kernel) {
  return kernel.starts_with("winograd 4x4") ? WinogradSize::four : WinogradSize::two;
}

TEST(ConvWinograd, backward_data_matches_the_reference) {
  for (const auto& [ic, oc] : std::vector<std::pair<std::int64_t, std::int64_t>>{{1, 1}, {5, 17}, {33, 20}, {16, 40}}) {
    const ConvShape shape{.ic = ic, .ih = 7, .iw = 8, .oc = oc, .kh = 3, .kw = 3, .pad_top = 1, .pad_right = 2};
    const std::vector<float> d_dst = random_values(shape.dst_size(), 1, Pattern::integers);
    const std::vector<float> wei = random_values(shape.wei_size(), 2, Pattern::integers);
    std::vector<float> expected(static_cast<std::size_t>(shape.src_size()));
    reference::conv_backward_data(shape, d_dst.data(), wei.data(), expected.data());
    for (const WinogradSize size : kWinogradSizes) {
      const ConvWinograd conv(default_kernels(), shape, size, ConvPass::backward_data);
      GuardedArray<float> packed(conv.packed_floats()), d_src(shape.src_size()), scratch(conv.scratch_floats());
      conv.pack(wei.data(), packed.data());
      conv.images(1, d_dst.data(), packed.data(), d_src.data(), Workspace(scratch.data(), conv.scratch_floats()));
      EXPECT_TRUE(packed.intact() && d_src.intact() && scratch.intact());
      EXPECT_TRUE(is_sum_of_integers(d_src.span(), expected, size, oc));
    }
  }
}

/// Pixels of a tile, along an axis, that output i of those wanted depends on: not of its window alone, where sums of
/// others only cancel.
std::pair<std::int64_t, std::int64_t> seen_pixels(WinogradSize size, std::int64_t i, std::int64_t wanted) {
  if (size == WinogradSize::two) return {i, i + 3};
  return {i == 0 ? 0 : 1, std::min<std::int64_t>(wanted + 2, i == 3 ? 6 : 5)};
}

// A tile of 2 x 2 has NaN where the direct convolution has it, and nowhere else, although its outputs share transforms;
// one of 4 x 4 in outputs close by as well, but in no other tile.
TEST(ConvWinograd, spreads_nan_no_further_than_the_tile) {
  const ConvShape shape{.ic = 17, .ih = 9, .iw = 8, .oc = 20, .kh = 3, .kw = 3, .pad_top = 1, .pad_left = 1,
                        .pad_bottom = 1, .pad_right = 1};
  for (const WinogradSize size : kWinogradSizes) {
    const std::int64_t m = winograd_outputs(size);
    const std::vector<double> error = bounds(shape, size, Data(shape, Pattern::integers));
    for (std::int64_t pixel = 0; pixel < shape.ih * shape.iw; ++pixel) {
      Data data(shape, Pattern::integers);
      data.src[static_cast<std::size_t>(pixel * shape.ic + 3)] = std::numeric_limits<float>::quiet_NaN();
      std::vector<double> values = expected(shape, data, 0);
      const auto sees = [&](std::int64_t at, std::int64_t output, std::int64_t outputs, std::int64_t pad) {
        const auto [first, end] = seen_pixels(size, output % m, std::min(m, outputs - output / m * m));
        const std::int64_t in_tile = at + pad - output / m * m;
        return first <= in_tile && in_tile < end;
      };
      for (std::int64_t oh = 0; oh < shape.oh(); ++oh) {
        for (std::int64_t ow = 0; ow < shape.ow(); ++ow) {
          const std::size_t first = static_cast<std::size_t>((oh * shape.ow() + ow) * shape.oc);
          const bool is_nan = sees(pixel / shape.iw, oh, shape.oh(), shape.pad_top) &&
                              sees(pixel % shape.iw, ow, shape.ow(), shape.pad_left);
          ASSERT_TRUE(is_nan || !std::isnan(values[first]));
          if (is_nan) std::fill_n(values.begin() + static_cast<std::ptrdiff_t>(first), shape.oc, std::nan(""));
        }
      }
      const std::vector<float> dst = run(shape, size, data, 0);
      if (size == WinogradSize::two) {
        ASSERT_TRUE(all_equal(dst, values)) << "pixel " << pixel;
      } else {
        ASSERT_TRUE(all_near(dst, values, error)) << "pixel " << pixel;
      }
    }
  }
}

// In images that are blank but for a few pixels: rounding must not decide what ReLU lets through.
TEST(ConvWinograd, is_exactly_the_bias_where_a_window_is_blank) {
  const ConvShape shape{.ic = 19, .ih = 13, .iw = 14, .oc = 20, .kh = 3, .kw = 3, .pad_top = 1, .pad_left = 1,
                        .pad_bottom = 1, .pad_right = 1};
  Data data(shape, Pattern::uniform);
  std::vector<float> ones(static_cast<std::size_t>(shape.src_size()));
  for (std::int64_t pixel = 0; pixel < shape.ih * shape.iw; ++pixel) {
    const bool zero = pixel % 17 != 3;
    const auto at = static_cast<std::ptrdiff_t>(pixel * shape.ic);
    if (zero) std::fill_n(data.src.begin() + at, shape.ic, 0.0F);
    if (!zero) std::fill_n(ones.begin() + at, shape.ic, 1.0F);
  }
  // How many of its pixels each output sees.
  Data count = data;
  count.src = ones;
  count.wei.assign(count.wei.size(), 1);
  count.bias.assign(count.bias.size(), 0);
  const std::vector<double> seen = expected(shape, count, 0);
  std::int64_t blank = 0;
  for (const WinogradSize size : kWinogradSizes) {
    const std::vector<float> dst = run(shape, size, data, -kInfinity);
    ASSERT_TRUE(all_near(dst, expected(shape, data, -kInfinity), bounds(shape, size, data)));
    for (std::size_t i = 0; i < dst.size(); ++i) {
      if (seen[i] != 0) continue;
      ASSERT_EQ(dst[i], data.bias[i % static_cast<std::size_t>(shape.oc)]) << i;
      ++blank;
    }
  }
  EXPECT_GT(blank, shape.dst_size() / 2);
}

TEST(ConvWinograd, rejects_what_it_cannot_do) {
  const ConvShape plain{.ic = 32, .ih = 9, .iw = 9, .oc = 32, .kh = 3, .kw = 3};
  const auto with = [&](auto change) {
    ConvShape shape = plain;
    change(shape);
    return shape;
  };
  for (const ConvShape& shape :
       {with([](ConvShape& s) { s.kh = 2; }), with([](ConvShape& s) { s.kw = 5; }),
        with([](ConvShape& s) { s.stride_h = 2; }), with([](ConvShape& s) { s.stride_w = 2; }),
        with([](ConvShape& s) { s.dilation_h = 2; }), with([](ConvShape& s) { s.dilation_w = 2; })}) {
    EXPECT_FALSE(ConvWinograd::possible(shape)) << shape.to_string();
    EXPECT_FALSE(ConvWinograd::choose(default_kernels(), shape)) << shape.to_string();
    EXPECT_THROW(ConvWinograd(default_kernels(), shape, WinogradSize::two), ArgumentError) << shape.to_string();
  }
  EXPECT_THROW(ConvWinograd(default_kernels(), {.ih = 2, .iw = 2, .kh = 3, .kw = 3}, WinogradSize::two), ShapeError);
}

// As a convolution of d_dst, backward data would have to leave out pixels there, not pad.
TEST(ConvWinograd, rejects_backward_data_of_more_padding_than_filters_reach_over) {
  for (const std::int64_t padding : {2, 3}) {
    for (const auto& [top, left] : {std::pair{padding, std::int64_t{0}}, std::pair{std::int64_t{0}, padding}}) {
      const ConvShape shape{.ic = 32, .ih = 9, .iw = 9, .oc = 32, .kh = 3, .kw = 3, .pad_top = top, .pad_left = left};
      SCOPED_TRACE(shape.to_string());
      const auto make = [&] {
        return ConvWinograd(default_kernels(), shape, WinogradSize::two, ConvPass::backward_data);
      };
      EXPECT_TRUE(ConvWinograd::possible(shape));
      EXPECT_EQ(ConvWinograd::possible(shape, ConvPass::backward_data), padding == 2);
      if (padding == 2) {
        EXPECT_NO_THROW(make());
      } else {
        EXPECT_THROW(make(), ArgumentError);
      }
    }
  }
}

// Of one vector of output channels only where the transforms of the input's leave no half of one empty.
TEST(ConvWinograd, takes_half_vectors_with_the_channels_of_either_side) {
  const KernelTable& kernels = default_kernels();
  for (const std::int64_t ic : {8, 12, 16, 24, 32}) {
    const bool src_wants_halves = &kernels_for_columns(kernels, ic) != &kernels;
    for (const std::int64_t oc : {8, 12, 16, 32, 64}) {
      const ConvShape shape{.ic = ic, .ih = 9, .iw = 9, .oc = oc, .kh = 3, .kw = 3};
      EXPECT_EQ(&winograd_kernels(kernels, shape), &kernels_for_columns(kernels, oc, src_wants_halves ? 2 : 1));
    }
  }
}

// Of many channels and pixels, by far; not of few, whose transforms cost more than they save.
TEST(ConvWinograd, pays_where_channels_are_many) {
  const auto choice = [](std::int64_t ic, std::int64_t size, std::int64_t oc,
                         ConvAlgorithm algorithm = ConvAlgorithm::automatic) {
    const ConvShape shape{.ic = ic, .ih = size, .iw = size, .oc = oc, .kh = 3, .kw = 3};
    return ConvWinograd::choose(default_kernels(), shape, algorithm);
  };
  EXPECT_EQ(choice(32, 12, 64), WinogradSize::four);
  EXPECT_EQ(choice(256, 14, 256), WinogradSize::four);
  EXPECT_EQ(choice(256, 14, 256, ConvAlgorithm::winograd_2x2), WinogradSize::two);
  EXPECT_EQ(choice(256, 14, 256, ConvAlgorithm::direct), std::nullopt);
  EXPECT_EQ(choice(1, 28, 32), std::nullopt);
  EXPECT_EQ(choice(3, 224, 64), std::nullopt);
  EXPECT_EQ(choice(11, 32, 256), std::nullopt);
  EXPECT_EQ(choice(12, 32, 64), WinogradSize::two);  // which is more exact
  EXPECT_EQ(choice(16, 32, 64), WinogradSize::four);
  // Backward data sums over the channels of d_dst.
  const auto backward = [](std::int64_t ic, std::int64_t oc) {
    const ConvShape shape{.ic = ic, .ih = 32, .iw = 32, .oc = oc, .kh = 3, .kw = 3};
    return ConvWinograd::choose(default_kernels(), shape, ConvAlgorithm::automatic, ConvPass::backward_data);
  };
  EXPECT_EQ(backward(64, 11), std::nullopt);
  EXPECT_EQ(backward(64, 12), WinogradSize::two);
  EXPECT_EQ(backward(64, 16), WinogradSize::four);
  EXPECT_EQ(backward(11, 64), WinogradSize::four);
  EXPECT_EQ(choice(64, 3, 64), std::nullopt);
  // Of outputs that would fill little more than half of tiles of 4 x 4.
  EXPECT_EQ(choice(64, 4, 64), WinogradSize::two);
  EXPECT_EQ(choice(64, 8, 64), WinogradSize::two);
  EXPECT_EQ(choice(64, 9, 64), WinogradSize::four);
  // A single tile whose edges are padding: one image is faster directly, but not several together.
  const ConvShape padded{.ic = 256, .ih = 4, .iw = 4, .oc = 256, .kh = 3, .kw = 3, .pad_top = 1, .pad_left = 1,
                         .pad_bottom = 1, .pad_right = 1};
  EXPECT_EQ(ConvWinograd::choose(default_kernels(), padded), WinogradSize::four);
}

// The convolution of d_dst that backward data is, with every padding that makes one and some that do not.
TEST(ConvWinograd, computes_backward_data_for_any_padding) {
  for (const std::int64_t before : {0, 1, 2, 3}) {
    for (const std::int64_t after : {-2, -1, 0, 1, 2, 3}) {
      const ConvShape shape{.ic = 36, .ih = 16, .iw = 15, .oc = 48, .kh = 3, .kw = 3, .pad_top = before,
                            .pad_left = 2 - before % 3, .pad_bottom = after, .pad_right = -after};
      SCOPED_TRACE(shape.to_string());
      const std::vector<float> d_dst = random_values(shape.dst_size(), 1, Pattern::integers);
      const std::vector<float> wei = random_values(shape.wei_size(), 2, Pattern::integers);
      std::vector<float> expected(static_cast<std::size_t>(shape.src_size()));
      reference::conv_backward_data(shape, d_dst.data(), wei.data(), expected.data());
      for (const ConvAlgorithm algorithm : {ConvAlgorithm::winograd_2x2, ConvAlgorithm::automatic}) {
        const ConvBackwardData conv(default_kernels(), shape, algorithm);
        EXPECT_EQ(conv.kernel().starts_with("winograd"), before <= 2);
        GuardedArray<float> packed(conv.packed_floats()), d_src(shape.src_size()), scratch(conv.scratch_floats());
        conv.pack(wei.data(), packed.data());
        conv.images(1, d_dst.data(), packed.data(), d_src.data(), Workspace(scratch.data(), conv.scratch_floats()));
        EXPECT_TRUE(packed.intact() && d_src.intact() && scratch.intact());
        ASSERT_TRUE(is_sum_of_integers(d_src.span(), expected, size_of(conv.kernel()), shape.oc));
      }
    }
  }
}

// What users of a convolution get: the same values, by fewer multiply-adds where it pays.
TEST(ConvWinograd, is_the_automatic_choice_where_it_pays) {
  const ConvShape shape{.ic = 40, .ih = 16, .iw = 15, .oc = 48, .kh = 3, .kw = 3, .pad_top = 1, .pad_left = 1,
                        .pad_bottom = 1, .pad_right = 1};
  const KernelTable& kernels = default_kernels();
  ASSERT_TRUE(ConvWinograd::choose(kernels, shape));
  const ConvForward direct(kernels, shape, ConvAlgorithm::direct), automatic(kernels, shape);
  EXPECT_EQ(direct.kernel().find("winograd"), std::string::npos);
  EXPECT_NE(automatic.kernel().find("winograd"), std::string::npos);
  EXPECT_EQ(direct.multiply_adds(), shape.multiply_adds());
  EXPECT_EQ(automatic.multiply_adds(), 4.0 * 4 * 36 * 40 * 48);
  EXPECT_EQ(ConvForward(kernels, shape, ConvAlgorithm::winograd_2x2).multiply_adds(), 8.0 * 8 * 16 * 40 * 48);
  const ConvBackwardData direct_data(kernels, shape, ConvAlgorithm::direct), automatic_data(kernels, shape);
  EXPECT_EQ(direct_data.kernel().find("winograd"), std::string::npos);
  EXPECT_NE(automatic_data.kernel().find("winograd"), std::string::npos);
  EXPECT_LT(automatic_data.multiply_adds(), direct_data.multiply_adds());
}

}  // namespace
}  // namespace tilewise::simd
