#include "tilewise/simd/conv_winograd.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "simd/winograd_cases.hpp"
#include "support/guarded_array.hpp"
#include "support/random_data.hpp"
#include "support/reference.hpp"
#include "support/tested_kernels.hpp"
#include "support/tolerance.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/simd/conv_backward_data.hpp"
#include "tilewise/simd/conv_forward.hpp"

namespace tilewise::simd {
namespace {

using testing::all_equal;
using testing::all_near;
using testing::GuardedArray;
using testing::kWinogradA;
using testing::kWinogradB;
using testing::kWinogradChannels;
using testing::kWinogradG;
using testing::kWinogradTileCases;
using testing::magnitudes;
using testing::Pattern;
using testing::random_values;
using testing::transform;
using testing::widen;
using testing::WinogradTileCase;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

TILEWISE_TESTS_KERNEL(winograd_filters);
TILEWISE_TESTS_KERNEL(winograd_src);
TILEWISE_TESTS_KERNEL(winograd_dst);

TEST(WinogradKernels, transform_filters_in_place) {
  for (const std::int64_t n : kWinogradChannels) {
    const std::vector<float> taps = random_values(kWinogradTaps * n, 1, Pattern::integers);
    GuardedArray<float> planes(kWinogradPositions * n);
    std::copy(taps.begin(), taps.end(), planes.data() + kFirstWinogradTap * n);
    default_kernels().winograd_filters(n, planes.data());
    EXPECT_TRUE(planes.intact());
    for (std::int64_t i = 0; i < n; ++i) {
      std::vector<double> tap(kWinogradTaps);
      for (std::int64_t t = 0; t < kWinogradTaps; ++t) {
        tap[static_cast<std::size_t>(t)] = taps[static_cast<std::size_t>(t * n + i)];
      }
      const std::vector<double> expected = transform(kWinogradG, tap);
      for (std::int64_t p = 0; p < kWinogradPositions; ++p) {
        ASSERT_EQ(planes.data()[p * n + i], expected[static_cast<std::size_t>(p)]) << "n = " << n << ", filter " << i;
      }
    }
  }
}

TEST(WinogradKernels, transform_pixels_taking_those_outside_as_zero) {
  for (const std::int64_t channels : kWinogradChannels) {
    for (const WinogradTileCase& c : kWinogradTileCases) {
      // Just the pixels that are inside: no other may be read.
      const std::int64_t rows = c.end_row - c.first_row, columns = c.end_column - c.first_column;
      const GuardedArray<float> src(random_values(rows * columns * channels, 2, Pattern::integers));
      const std::int64_t row_stride = columns * channels;
      const WinogradTile tile{-c.first_row * row_stride - c.first_column * channels, 0, c.first_row, c.end_row,
                              c.first_column, c.end_column, 2, 2};
      const std::int64_t plane = channels + 5;
      GuardedArray<float> out(kWinogradPositions * plane - 5);
      default_kernels().winograd_src({.tiles = &tile,
                                      .count = 1,
                                      .channels = channels,
                                      .pixel_stride = channels,
                                      .row_stride = row_stride,
                                      .plane = plane,
                                      .tile_stride = channels},
                                     src.data(), out.data());
      EXPECT_TRUE(out.intact());
      for (std::int64_t channel = 0; channel < channels; ++channel) {
        std::vector<double> pixels(16);
        for (std::int64_t i = 0; i < rows; ++i) {
          for (std::int64_t j = 0; j < columns; ++j) {
            pixels[static_cast<std::size_t>((i + c.first_row) * 4 + j + c.first_column)] =
                src.data()[(i * columns + j) * channels + channel];
          }
        }
        const std::vector<double> expected = transform(kWinogradB, pixels);
        for (std::int64_t p = 0; p < kWinogradPositions; ++p) {
          ASSERT_EQ(out.data()[p * plane + channel], expected[static_cast<std::size_t>(p)]) << channels << " channels";
        }
      }
    }
  }
}

TEST(WinogradKernels, transform_sums_and_write_what_is_wanted) {
  const std::int64_t width = default_kernels().vector_floats;
  for (const std::int64_t channels : kWinogradChannels) {
    for (const WinogradTileCase& c : kWinogradTileCases) {
      const std::int64_t padded = (channels + width - 1) / width * width, row_stride = c.columns * channels + 3;
      const GuardedArray<float> sums(random_values(kWinogradPositions * padded, 3, Pattern::integers));
      const GuardedArray<float> bias(random_values(channels, 4, Pattern::integers));
      for (const bool has_bias : {true, false}) {
        GuardedArray<float> dst((c.rows - 1) * row_stride + c.columns * channels);
        const WinogradTile tile{0, 0, 0, 4, 0, 4, c.rows, c.columns};
        default_kernels().winograd_dst({.tiles = &tile,
                                        .count = 1,
                                        .channels = channels,
                                        .pixel_stride = channels,
                                        .row_stride = row_stride,
                                        .plane = padded,
                                        .tile_stride = padded},
                                       sums.data(), has_bias ? bias.data() : nullptr, -3, dst.data());
        EXPECT_TRUE(dst.intact());
        for (std::int64_t channel = 0; channel < channels; ++channel) {
          std::vector<double> m(16);
          for (std::int64_t p = 0; p < 16; ++p) m[static_cast<std::size_t>(p)] = sums.data()[p * padded + channel];
          const std::vector<double> expected = transform(kWinogradA, m);
          for (std::int64_t i = 0; i < c.rows; ++i) {
            for (std::int64_t j = 0; j < c.columns; ++j) {
              const double value =
                  expected[static_cast<std::size_t>(2 * i + j)] + (has_bias ? bias.data()[channel] : 0);
              ASSERT_EQ(dst.data()[i * row_stride + j * channels + channel], std::max(-3.0, value));
            }
          }
        }
      }
    }
  }
}

struct Data {
  Data(const ConvShape& shape, Pattern pattern)
      : src(random_values(shape.src_size(), 1, pattern)),
        wei(random_values(shape.wei_size(), 2, pattern)),
        bias(random_values(shape.oc, 3, pattern)) {}

  std::vector<float> src, wei, bias;
};

std::vector<float> run(const ConvShape& shape, const Data& data, float floor) {
  const ConvWinograd conv(default_kernels(), shape);
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

/// Two additions deep for src, at most two and a half for filters either way, a sum of ic products, four
/// additions and the bias: so many roundings of what the terms' magnitudes add up to.
std::vector<double> bounds(const ConvShape& s, const Data& data) {
  std::vector<double> scale(static_cast<std::size_t>(s.dst_size()));
  const std::vector<double> src = magnitudes(data.src), wei = magnitudes(data.wei), bias = magnitudes(data.bias);
  for (std::int64_t oc = 0; oc < s.oc; ++oc) {
    std::vector<std::vector<double>> filters;
    for (std::int64_t ic = 0; ic < s.ic; ++ic) {
      std::vector<double> taps;
      for (std::int64_t t = 0; t < 9; ++t) taps.push_back(wei[static_cast<std::size_t>((t * s.ic + ic) * s.oc + oc)]);
      filters.push_back(transform(kWinogradG, taps, true));
    }
    for (std::int64_t oh = 0; oh < s.oh(); oh += 2) {
      for (std::int64_t ow = 0; ow < s.ow(); ow += 2) {
        std::vector<double> sums(16);
        for (std::int64_t ic = 0; ic < s.ic; ++ic) {
          const std::vector<double> v =
              transform(kWinogradB, testing::winograd_pixels(s, src, oh, ow, ic), true);
          for (std::size_t p = 0; p < 16; ++p) sums[p] += v[p] * filters[static_cast<std::size_t>(ic)][p];
        }
        const std::vector<double> tile = transform(kWinogradA, sums, true);
        for (std::int64_t i = 0; i < 4; ++i) {
          if (oh + i / 2 >= s.oh() || ow + i % 2 >= s.ow()) continue;
          scale[static_cast<std::size_t>(((oh + i / 2) * s.ow() + ow + i % 2) * s.oc + oc)] =
              tile[static_cast<std::size_t>(i)] + bias[static_cast<std::size_t>(oc)];
        }
      }
    }
  }
  return testing::bounds(static_cast<double>(s.ic) + 2 + 5 + 4 + 1, scale);
}

TEST(ConvWinograd, matches_the_reference) {
  for (const ConvShape& shape : testing::winograd_convolutions()) {
    SCOPED_TRACE(shape.to_string());
    const Data exact(shape, Pattern::integers);
    ASSERT_TRUE(all_equal(run(shape, exact, -kInfinity), expected(shape, exact, -kInfinity)));
    ASSERT_TRUE(all_equal(run(shape, exact, 0), expected(shape, exact, 0)));
    const Data real(shape, Pattern::uniform);
    ASSERT_TRUE(all_near(run(shape, real, -kInfinity), expected(shape, real, -kInfinity), bounds(shape, real)));
  }
}

// The gradient with respect to src is the convolution of d_dst with the filters turned around.
TEST(ConvWinograd, of_transposed_filters_is_backward_data) {
  for (const auto& [ic, oc] : std::vector<std::pair<std::int64_t, std::int64_t>>{{1, 1}, {5, 17}, {33, 20}, {16, 40}}) {
    const ConvShape shape{.ic = ic, .ih = 7, .iw = 8, .oc = oc, .kh = 3, .kw = 3, .pad_top = 1, .pad_right = 2};
    const ConvShape turned{.ic = oc, .ih = shape.oh(), .iw = shape.ow(), .oc = ic, .kh = 3, .kw = 3, .pad_top = 1,
                           .pad_left = 2, .pad_bottom = 2};
    ASSERT_EQ(turned.dst_size(), shape.src_size());
    const std::vector<float> d_dst = random_values(shape.dst_size(), 1, Pattern::integers);
    const std::vector<float> wei = random_values(shape.wei_size(), 2, Pattern::integers);
    const ConvWinograd conv(default_kernels(), turned);
    GuardedArray<float> packed(conv.packed_floats()), d_src(shape.src_size()), scratch(conv.scratch_floats());
    conv.pack_transposed(wei.data(), packed.data());
    conv.images(1, d_dst.data(), packed.data(), nullptr, -kInfinity, d_src.data(),
                Workspace(scratch.data(), conv.scratch_floats()));
    EXPECT_TRUE(packed.intact() && d_src.intact() && scratch.intact());
    std::vector<float> expected(static_cast<std::size_t>(shape.src_size()));
    reference::conv_backward_data(shape, d_dst.data(), wei.data(), expected.data());
    EXPECT_TRUE(all_equal(d_src.span(), expected));
  }
}

// Where the direct convolution has NaN, and nowhere else, although tiles share transforms.
TEST(ConvWinograd, spreads_nan_no_further_than_the_window) {
  const ConvShape shape{.ic = 17, .ih = 9, .iw = 8, .oc = 20, .kh = 3, .kw = 3, .pad_top = 1, .pad_left = 1,
                        .pad_bottom = 1, .pad_right = 1};
  for (std::int64_t pixel = 0; pixel < shape.ih * shape.iw; ++pixel) {
    Data data(shape, Pattern::integers);
    data.src[static_cast<std::size_t>(pixel * shape.ic + 3)] = std::numeric_limits<float>::quiet_NaN();
    ASSERT_TRUE(all_equal(run(shape, data, 0), expected(shape, data, 0))) << "pixel " << pixel;
  }
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
    EXPECT_FALSE(ConvWinograd::pays(default_kernels(), shape)) << shape.to_string();
    EXPECT_THROW(ConvWinograd(default_kernels(), shape), ArgumentError) << shape.to_string();
  }
  EXPECT_THROW(ConvWinograd(default_kernels(), {.ih = 2, .iw = 2, .kh = 3, .kw = 3}), ShapeError);
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
  const auto shape = [](std::int64_t ic, std::int64_t size, std::int64_t oc) {
    return ConvShape{.ic = ic, .ih = size, .iw = size, .oc = oc, .kh = 3, .kw = 3};
  };
  const KernelTable& kernels = default_kernels();
  EXPECT_TRUE(ConvWinograd::pays(kernels, shape(32, 12, 64)));
  EXPECT_TRUE(ConvWinograd::pays(kernels, shape(256, 14, 256)));
  EXPECT_FALSE(ConvWinograd::pays(kernels, shape(1, 28, 32)));
  EXPECT_FALSE(ConvWinograd::pays(kernels, shape(3, 224, 64)));
  EXPECT_FALSE(ConvWinograd::pays(kernels, shape(64, 3, 64)));
}

// The convolution of d_dst that backward data is, with every padding that makes one and some that do not.
TEST(ConvWinograd, computes_backward_data_for_any_padding) {
  for (const std::int64_t before : {0, 1, 2, 3}) {
    for (const std::int64_t after : {-2, -1, 0, 1, 2, 3}) {
      const ConvShape shape{.ic = 36, .ih = 16, .iw = 15, .oc = 48, .kh = 3, .kw = 3, .pad_top = before,
                            .pad_left = 2 - before % 3, .pad_bottom = after, .pad_right = -after};
      SCOPED_TRACE(shape.to_string());
      const ConvBackwardData conv(default_kernels(), shape);
      EXPECT_EQ(conv.kernel().starts_with("winograd"), before <= 2);
      const std::vector<float> d_dst = random_values(shape.dst_size(), 1, Pattern::integers);
      const std::vector<float> wei = random_values(shape.wei_size(), 2, Pattern::integers);
      GuardedArray<float> packed(conv.packed_floats()), d_src(shape.src_size()), scratch(conv.scratch_floats());
      conv.pack(wei.data(), packed.data());
      conv.images(1, d_dst.data(), packed.data(), d_src.data(), Workspace(scratch.data(), conv.scratch_floats()));
      EXPECT_TRUE(packed.intact() && d_src.intact() && scratch.intact());
      std::vector<float> expected(static_cast<std::size_t>(shape.src_size()));
      reference::conv_backward_data(shape, d_dst.data(), wei.data(), expected.data());
      ASSERT_TRUE(all_equal(d_src.span(), expected));
    }
  }
}

// What users of a convolution get: the same values, by fewer multiply-adds where it pays.
TEST(ConvWinograd, is_the_automatic_choice_where_it_pays) {
  const ConvShape shape{.ic = 40, .ih = 16, .iw = 15, .oc = 48, .kh = 3, .kw = 3, .pad_top = 1, .pad_left = 1,
                        .pad_bottom = 1, .pad_right = 1};
  const KernelTable& kernels = default_kernels();
  ASSERT_TRUE(ConvWinograd::pays(kernels, shape));
  const ConvForward direct(kernels, shape, ConvAlgorithm::direct), automatic(kernels, shape);
  EXPECT_EQ(direct.kernel().find("winograd"), std::string::npos);
  EXPECT_NE(automatic.kernel().find("winograd"), std::string::npos);
  EXPECT_EQ(direct.multiply_adds(), shape.multiply_adds());
  EXPECT_EQ(automatic.multiply_adds(), 8.0 * 8 * 16 * 40 * 48);
  const ConvBackwardData direct_data(kernels, shape, ConvAlgorithm::direct), automatic_data(kernels, shape);
  EXPECT_EQ(direct_data.kernel().find("winograd"), std::string::npos);
  EXPECT_NE(automatic_data.kernel().find("winograd"), std::string::npos);
  EXPECT_LT(automatic_data.multiply_adds(), direct_data.multiply_adds());
}

}  // namespace
}  // namespace tilewise::simd
