#include "tilewise/simd/winograd_weights.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "simd/winograd_cases.hpp"
#include "support/guarded_array.hpp"
#include "support/random_data.hpp"
#include "support/reference.hpp"
#include "support/tolerance.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/simd/conv_backward_weights.hpp"

namespace tilewise::simd {
namespace {

using testing::all_equal;
using testing::all_near;
using testing::GuardedArray;
using testing::magnitudes;
using testing::Pattern;
using testing::random_values;
using testing::same_bits;
using testing::transform;
using testing::widen;

struct Data {
  Data(const ConvShape& shape, std::int64_t images, Pattern pattern)
      : src(random_values(images * shape.src_size(), 1, pattern)),
        d_dst(random_values(images * shape.dst_size(), 2, pattern)),
        d_wei(random_values(shape.wei_size(), 3, pattern)) {}

  std::vector<float> src, d_dst;
  std::vector<float> d_wei;  ///< the gradient so far
};

std::vector<float> run(const ConvShape& shape, WinogradSize size, std::int64_t images, const Data& data) {
  const WinogradWeights conv(default_kernels(), shape, size);
  const GuardedArray<float> src(data.src), d_dst(data.d_dst);
  GuardedArray<float> scratch(conv.scratch_floats()), d_wei(data.d_wei);
  conv.images(images, src.data(), d_dst.data(), d_wei.data(), Workspace(scratch.data(), conv.scratch_floats()));
  EXPECT_TRUE(scratch.intact() && d_wei.intact());
  return {d_wei.span().begin(), d_wei.span().end()};
}

std::vector<double> expected(const ConvShape& shape, std::int64_t images, const Data& data) {
  std::vector<double> d_wei = widen(data.d_wei);
  const std::vector<double> src = widen(data.src), d_dst = widen(data.d_dst);
  for (std::int64_t i = 0; i < images; ++i) {
    reference::conv_backward_weights(shape, src.data() + i * shape.src_size(), d_dst.data() + i * shape.dst_size(),
                                     d_wei.data());
  }
  return d_wei;
}

/// Transforms of src, of d_dst and back, a sum over tiles and what was there: so many roundings of what the terms'
/// magnitudes add up to.
std::vector<double> bounds(const ConvShape& s, WinogradSize size, std::int64_t images, const Data& data) {
  const testing::WinogradMatrices matrices = testing::winograd_matrices(size);
  const std::int64_t m = winograd_outputs(size);
  const auto positions = static_cast<std::size_t>(winograd_positions(size));
  std::vector<double> scale = magnitudes(data.d_wei);
  const std::vector<double> all_src = magnitudes(data.src), all_d_dst = magnitudes(data.d_dst);
  std::int64_t tiles = 0;
  std::vector<std::vector<double>> sums(static_cast<std::size_t>(s.ic * s.oc), std::vector<double>(positions));
  for (std::int64_t image = 0; image < images; ++image) {
    const std::vector<double> src(all_src.begin() + image * s.src_size(), all_src.begin() + (image + 1) * s.src_size());
    const double* const d_dst = all_d_dst.data() + image * s.dst_size();
    for (std::int64_t oh = 0; oh < s.oh(); oh += m) {
      for (std::int64_t ow = 0; ow < s.ow(); ow += m, ++tiles) {
        std::vector<std::vector<double>> pixels, gradients;
        for (std::int64_t ic = 0; ic < s.ic; ++ic) {
          pixels.push_back(transform(matrices.b, testing::winograd_pixels_at(s, size, src, oh, ow, ic), true));
        }
        for (std::int64_t oc = 0; oc < s.oc; ++oc) {
          std::vector<double> d(static_cast<std::size_t>(m * m));
          for (std::int64_t i = 0; i < m * m; ++i) {
            if (oh + i / m >= s.oh() || ow + i % m >= s.ow()) continue;
            d[static_cast<std::size_t>(i)] = d_dst[((oh + i / m) * s.ow() + ow + i % m) * s.oc + oc];
          }
          gradients.push_back(transform(matrices.a.transposed(), d, true));
        }
        for (std::size_t filter = 0; filter < sums.size(); ++filter) {
          const auto oc = static_cast<std::size_t>(s.oc);
          for (std::size_t p = 0; p < positions; ++p) {
            sums[filter][p] += pixels[filter / oc][p] * gradients[filter % oc][p];
          }
        }
      }
    }
  }
  for (std::size_t filter = 0; filter < sums.size(); ++filter) {
    const std::vector<double> taps = transform(matrices.g.transposed(), sums[filter], true);
    for (std::size_t t = 0; t < taps.size(); ++t) scale[t * sums.size() + filter] += taps[t];
  }
  return testing::bounds(static_cast<double>(tiles) + 3 * testing::winograd_roundings(size) + 1, scale);
}

TEST(WinogradWeights, matches_the_reference) {
  for (const ConvShape& shape : testing::winograd_convolutions()) {
    for (const WinogradSize size : kWinogradSizes) {
      SCOPED_TRACE(shape.to_string() + " by " + WinogradWeights(default_kernels(), shape, size).kernel());
      const Data exact(shape, 1, Pattern::integers);
      if (size == WinogradSize::two) {
        ASSERT_TRUE(all_equal(run(shape, size, 1, exact), expected(shape, 1, exact)));
      }
      const Data real(shape, 1, Pattern::uniform);
      ASSERT_TRUE(all_near(run(shape, size, 1, real), expected(shape, 1, real), bounds(shape, size, 1, real)));
    }
  }
}

// Blocks of tiles do not stop at images.
TEST(WinogradWeights, adds_up_over_images) {
  for (const std::int64_t image_size : {3, 6, 9, 20}) {
    const ConvShape shape{.ic = 5, .ih = image_size, .iw = image_size + 1, .oc = 18, .kh = 3, .kw = 3, .pad_left = 1};
    constexpr std::int64_t kImages = 7;
    const Data data(shape, kImages, Pattern::integers);
    for (const WinogradSize size : kWinogradSizes) {
      const std::vector<float> d_wei = run(shape, size, kImages, data);
      if (size == WinogradSize::two) {
        EXPECT_TRUE(all_equal(d_wei, expected(shape, kImages, data)));
      }
      EXPECT_TRUE(all_near(d_wei, expected(shape, kImages, data), bounds(shape, size, kImages, data)));
      EXPECT_TRUE(same_bits(run(shape, size, 0, data), data.d_wei));
    }
  }
}

// A batch sums up parts of the tiles, of some positions, of blocks of channels; more or less as memory allows.
TEST(WinogradWeights, adds_up_parts_of_a_batch) {
  struct Batch {
    std::int64_t images, ic, size, oc;
  };
  for (const auto& [images, ic, image_size, oc] :
       {Batch{40, 20, 9, 24}, Batch{9, 64, 14, 70}, Batch{2, 130, 9, 65}, Batch{12, 70, 6, 60}, Batch{1, 65, 5, 64}}) {
    const ConvShape shape{.ic = ic, .ih = image_size, .iw = image_size, .oc = oc, .kh = 3, .kw = 3, .pad_top = 1};
    const Data data(shape, images, Pattern::integers);
    Data none = data;
    std::ranges::fill(none.d_wei, 0.0F);  // what batch() overwrites
    for (const WinogradSize size : kWinogradSizes) {
      SCOPED_TRACE(shape.to_string() + " by " + winograd_name(size));
      const WinogradWeights conv(default_kernels(), shape, size);
      Executor executor(2);
      const std::int64_t floats = conv.workspace_floats(images, executor.threads());
      GuardedArray<float> workspace(floats), d_wei(data.d_wei);
      conv.batch(executor, images, data.src.data(), data.d_dst.data(), d_wei.data(),
                 Workspace(workspace.data(), floats));
      EXPECT_TRUE(workspace.intact() && d_wei.intact());
      const std::vector<double> right = expected(shape, images, none);
      EXPECT_TRUE(all_near(d_wei.span(), right, bounds(shape, size, images, none)));
      if (size == WinogradSize::two) {
        EXPECT_TRUE(all_equal(d_wei.span(), right));
      }
    }
  }
}

// Rows and columns that no output sees may be anything: a layer that wants a corner of the output leaves them out.
TEST(WinogradWeights, does_not_read_what_no_output_sees) {
  const ConvShape shape{.ic = 17, .ih = 9, .iw = 8, .oc = 20, .kh = 3, .kw = 3, .pad_left = 1, .pad_bottom = -2,
                        .pad_right = -2};
  Data data(shape, 1, Pattern::integers);
  std::vector<std::vector<double>> error;
  for (const WinogradSize size : kWinogradSizes) error.push_back(bounds(shape, size, 1, data));
  for (std::int64_t row = 0; row < shape.ih; ++row) {
    for (std::int64_t column = 0; column < shape.iw; ++column) {
      if (row < shape.ih - 2 && column < shape.iw - 2) continue;
      std::fill_n(data.src.begin() + (row * shape.iw + column) * shape.ic, shape.ic,
                  std::numeric_limits<float>::quiet_NaN());
    }
  }
  ASSERT_EQ(shape.oh() % 2 + shape.ow() % 2, 2);
  EXPECT_TRUE(all_equal(run(shape, WinogradSize::two, 1, data), expected(shape, 1, data)));
  EXPECT_TRUE(all_near(run(shape, WinogradSize::four, 1, data), expected(shape, 1, data), error[1]));
}

TEST(WinogradWeights, rejects_what_it_cannot_do) {
  const ConvShape strided{.ic = 32, .ih = 9, .iw = 9, .oc = 32, .kh = 3, .kw = 3, .stride_h = 2};
  EXPECT_FALSE(WinogradWeights::choose(default_kernels(), strided));
  EXPECT_THROW(WinogradWeights(default_kernels(), strided, WinogradSize::two), ArgumentError);
  EXPECT_THROW(WinogradWeights(default_kernels(), {.ih = 2, .iw = 2, .kh = 3, .kw = 3}, WinogradSize::two), ShapeError);
}

TEST(WinogradWeights, is_the_automatic_choice_where_it_pays) {
  const auto shape = [](std::int64_t ic, std::int64_t size, std::int64_t oc) {
    return ConvShape{.ic = ic, .ih = size, .iw = size, .oc = oc, .kh = 3, .kw = 3};
  };
  const KernelTable& kernels = default_kernels();
  EXPECT_EQ(WinogradWeights::choose(kernels, shape(1, 28, 32)), std::nullopt);
  EXPECT_EQ(WinogradWeights::choose(kernels, shape(64, 3, 64)), std::nullopt);  // transforms back sums of one pixel
  EXPECT_EQ(WinogradWeights::choose(kernels, shape(64, 8, 64)), WinogradSize::two);
  EXPECT_EQ(WinogradWeights::choose(kernels, shape(64, 10, 64)), WinogradSize::four);
  const ConvShape many = shape(32, 14, 64);
  const ConvBackwardWeights direct(kernels, many, ConvAlgorithm::direct), automatic(kernels, many);
  const ConvBackwardWeights small_tiles(kernels, many, ConvAlgorithm::winograd_2x2);
  EXPECT_EQ(direct.kernel().find("winograd"), std::string::npos);
  EXPECT_THAT(automatic.kernel(), ::testing::StartsWith("winograd 4x4"));
  EXPECT_THAT(small_tiles.kernel(), ::testing::StartsWith("winograd 2x2"));
  EXPECT_EQ(direct.multiply_adds(), many.multiply_adds());
  EXPECT_EQ(automatic.multiply_adds(), 3.0 * 3 * 36 * 32 * 64);
  // Of three channels products are three rows high, for which there is a kernel.
  EXPECT_EQ(WinogradWeights::choose(kernels, shape(3, 34, 64)), WinogradSize::four);
  EXPECT_EQ(ConvBackwardWeights(kernels, shape(3, 34, 64)).kernel(), "conv_short_weights");
  EXPECT_THAT(ConvBackwardWeights(kernels, shape(4, 34, 64)).kernel(), ::testing::StartsWith("winograd 4x4"));
  EXPECT_EQ(small_tiles.multiply_adds(), 6.0 * 6 * 16 * 32 * 64);
}

}  // namespace
}  // namespace tilewise::simd
