#include "tilewise/simd/conv_backward_weights.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "simd/conv_cases.hpp"
#include "support/guarded_array.hpp"
#include "support/random_data.hpp"
#include "support/reference.hpp"
#include "support/tolerance.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/simd/blocking.hpp"

namespace tilewise::simd {
namespace {

using testing::all_equal;
using testing::all_near;
using testing::GuardedArray;
using testing::magnitudes;
using testing::Pattern;
using testing::random_values;
using testing::same_bits;
using testing::widen;

struct Data {
  Data(const ConvShape& shape, Pattern pattern)
      : src(random_values(shape.src_size(), 1, pattern)),
        d_dst(random_values(shape.dst_size(), 2, pattern)),
        d_wei(random_values(shape.wei_size(), 3, pattern)) {}

  std::vector<float> src, d_dst;
  std::vector<float> d_wei;  ///< the gradient so far
};

/// The kernel's output, from guarded arrays of just the sizes it asks for.
std::vector<float> run(const ConvShape& shape, const Data& data,
                       ConvAlgorithm algorithm = ConvAlgorithm::direct) {
  const ConvBackwardWeights conv(default_kernels(), shape, algorithm);
  const GuardedArray<float> src(data.src);
  const GuardedArray<float> d_dst(data.d_dst);
  GuardedArray<float> scratch(conv.scratch_floats());
  GuardedArray<float> d_wei(data.d_wei);
  conv.images(1, src.data(), d_dst.data(), d_wei.data(),
              Workspace(scratch.data(), conv.scratch_floats()));
  EXPECT_TRUE(src.intact() && d_dst.intact() && scratch.intact() && d_wei.intact());
  EXPECT_TRUE(same_bits(src.span(), data.src));
  EXPECT_TRUE(same_bits(d_dst.span(), data.d_dst));
  return {d_wei.span().begin(), d_wei.span().end()};
}

std::vector<double> expected(const ConvShape& shape, const std::vector<double>& src,
                             const std::vector<double>& d_dst, std::vector<double> d_wei) {
  reference::conv_backward_weights(shape, src.data(), d_dst.data(), d_wei.data());
  return d_wei;
}

// winograd_weights_test.cpp has the rounding of the other algorithm.
TEST(ConvBackwardWeights, matches_the_reference) {
  for (const ConvShape& shape : testing::awkward_convolutions()) {
    SCOPED_TRACE(shape.to_string());
    const Data exact(shape, Pattern::integers);
    for (const ConvAlgorithm algorithm : {ConvAlgorithm::direct, ConvAlgorithm::winograd_2x2}) {
      ASSERT_TRUE(all_equal(run(shape, exact, algorithm), expected(shape, widen(exact.src), widen(exact.d_dst),
                                                                   widen(exact.d_wei))));
    }
    const Data real(shape, Pattern::uniform);
    // A product for each output pixel, and what was there.
    const auto bounds = testing::bounds(
        static_cast<double>(shape.oh() * shape.ow()) + 1,
        expected(shape, magnitudes(real.src), magnitudes(real.d_dst), magnitudes(real.d_wei)));
    ASSERT_TRUE(all_near(
        run(shape, real),
        expected(shape, widen(real.src), widen(real.d_dst), widen(real.d_wei)), bounds));
  }
}

// Vectors may reach from one image's d_dst into the next one's, but not past the last.
TEST(ConvBackwardWeights, adds_up_over_images) {
  constexpr std::int64_t kImages = 3;
  for (const ConvShape& shape : testing::awkward_convolutions()) {
    SCOPED_TRACE(shape.to_string());
    const std::vector<float> src_values = random_values(kImages * shape.src_size(), 1, Pattern::integers);
    const std::vector<float> d_dst_values = random_values(kImages * shape.dst_size(), 2, Pattern::integers);
    const std::vector<float> before = random_values(shape.wei_size(), 3, Pattern::integers);
    std::vector<double> sum = widen(before);
    for (std::int64_t i = 0; i < kImages; ++i) {
      const auto image = [&](const std::vector<float>& values) {
        const std::size_t size = values.size() / kImages;
        return widen(std::span(values).subspan(static_cast<std::size_t>(i) * size, size));
      };
      sum = expected(shape, image(src_values), image(d_dst_values), sum);
    }
    for (const ConvAlgorithm algorithm : {ConvAlgorithm::direct, ConvAlgorithm::winograd_2x2}) {
      const ConvBackwardWeights conv(default_kernels(), shape, algorithm);
      const GuardedArray<float> src(src_values), d_dst(d_dst_values);
      GuardedArray<float> scratch(conv.scratch_floats()), d_wei(before);
      conv.images(kImages, src.data(), d_dst.data(), d_wei.data(), Workspace(scratch.data(), conv.scratch_floats()));
      EXPECT_TRUE(src.intact() && d_dst.intact() && scratch.intact() && d_wei.intact());
      ASSERT_TRUE(all_equal({d_wei.span().begin(), d_wei.span().end()}, sum));
    }
  }
}

TEST(ConvBackwardWeights, of_ones_counts_the_pixels_that_meet_a_tap) {
  const ConvShape shape{.ic = 1, .ih = 3, .iw = 3, .oc = 1, .kh = 3, .kw = 3, .pad_top = 1,
                        .pad_left = 1, .pad_bottom = 1, .pad_right = 1};
  Data data(shape, Pattern::integers);
  data.src.assign(9, 1.0F);
  data.d_dst.assign(9, 1.0F);
  data.d_wei.assign(9, 0.0F);
  EXPECT_EQ(run(shape, data), (std::vector<float>{4, 6, 4, 6, 9, 6, 4, 6, 4}));
}

TEST(ConvBackwardWeights, packs_d_dst_of_several_panels_alone) {
  const auto scratch_floats = [](std::int64_t oc) {
    const ConvShape shape{.ic = 15, .ih = 14, .iw = 12, .oc = oc, .kh = 7, .kw = 5};
    return ConvBackwardWeights(default_kernels(), shape, ConvAlgorithm::direct).scratch_floats();
  };
  constexpr std::int64_t kPixels = 64, kPanels = 128;
  EXPECT_EQ(scratch_floats(kPanels) - scratch_floats(default_kernels().vector_floats), kPixels * kPanels);
}

TEST(ConvBackwardWeights, packs_d_dst_for_many_tiles_alone) {
  const std::int64_t rows = default_kernels().max_rows[1];
  const auto packs = [&](std::int64_t kh, std::int64_t tiles_of_a_row) {
    const ConvShape shape{.ic = tiles_of_a_row * rows, .ih = 7 + kh, .iw = 8, .oc = 8 * default_kernels().vector_floats,
                          .kh = kh};
    return ConvBackwardWeights(default_kernels(), shape).scratch_floats() >= shape.dst_size();
  };
  EXPECT_FALSE(packs(1, 16));
  EXPECT_TRUE(packs(1, 17));
  const std::int64_t shared_tiles = rows > 4 ? 36 : 15;  // of three rows of a filter
  EXPECT_FALSE(packs(3, shared_tiles / 3));
  EXPECT_TRUE(packs(3, shared_tiles / 3 + 1));
}

TEST(ConvBackwardWeights, packs_d_dst_for_fewer_tiles_of_four_rows) {
  const ConvShape shape{.ic = 48, .ih = 10, .iw = 8, .oc = 5 * default_kernels().vector_floats, .kh = 3};
  const ConvBackwardWeights conv(default_kernels(), shape);
  if (conv.kernel() != "tile 4x3") GTEST_SKIP() << "five vectors have no tiles of four rows here";
  EXPECT_GE(conv.scratch_floats(), shape.dst_size());
}

// As the copy of a band with its padding shows.
TEST(ConvBackwardWeights, takes_shorter_bands_where_d_dst_is_read_often_unless_vectors_are_wide) {
  const auto scratch_floats = [](std::int64_t ic) {
    const ConvShape shape{.ic = ic, .ih = 127, .iw = 127, .oc = 32, .kh = 3, .kw = 3, .stride_h = 2, .stride_w = 2,
                          .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1};
    return ConvBackwardWeights(default_kernels(), shape).scratch_floats();
  };
  constexpr std::int64_t kRow = 129 * 16;  // with padding
  EXPECT_EQ(scratch_floats(16) < 16 * kRow, !has_wide_vectors(default_kernels()));
  EXPECT_GT(scratch_floats(3), 32 * 129 * 3);  // conv_short_weights
  // Three filter rows of four channels are six tiles of six rows, of five channels nine.
  if (default_kernels().max_rows[1] == 6) {
    EXPECT_GT(scratch_floats(4), 32 * 129 * 4);
    EXPECT_LT(scratch_floats(5), 26 * 129 * 5);
  }
}

TEST(ConvBackwardWeights, lays_out_far_pixels_of_1x1_filters_unless_vectors_are_wide) {
  const auto scratch_floats = [](std::int64_t ic) {
    const ConvShape shape{.ic = ic, .ih = 8, .iw = 8, .oc = 512};
    return ConvBackwardWeights(default_kernels(), shape, ConvAlgorithm::direct).scratch_floats();
  };
  const std::int64_t pixels = scratch_floats(256) - scratch_floats(255);
  EXPECT_EQ(pixels >= 256 * 8 * 8, !has_wide_vectors(default_kernels()));
  EXPECT_EQ(pixels == 0, has_wide_vectors(default_kernels()));
}

TEST(ConvBackwardWeights, takes_the_widest_tile_for_32_channels_if_vectors_are_wide) {
  const ConvShape shape{.ic = 32, .ih = 13, .iw = 13, .oc = 64, .kh = 3, .kw = 3};
  const ConvBackwardWeights conv(default_kernels(), shape, ConvAlgorithm::direct);
  EXPECT_EQ(conv.kernel() == "tile " + widest_tile(default_kernels()).to_string(), has_wide_vectors(default_kernels()));
}

TEST(ConvBackwardWeights, rejects_what_is_no_convolution) {
  EXPECT_THROW(ConvBackwardWeights(default_kernels(), {.ih = 2, .iw = 2, .kh = 3, .kw = 3}),
               ShapeError);
}

}  // namespace
}  // namespace tilewise::simd
