#include "tilewise/simd/conv_blocking.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "tilewise/simd/conv_padding.hpp"

namespace tilewise::simd {
namespace {

TEST(PixelBands, cover_the_image_in_bands_of_about_the_size_asked_for) {
  for (std::int64_t h = 1; h <= 40; ++h) {
    for (const std::int64_t w : {1, 2, 7, 28, 224, 3136}) {
      for (const std::int64_t pixels : {1, 64, 256, 1024}) {
        SCOPED_TRACE(std::to_string(h) + " x " + std::to_string(w) + " / " + std::to_string(pixels));
        const PixelBands bands = pixel_bands(h, w, pixels);
        ASSERT_EQ(bands.rows.begin(bands.rows.pieces), h);
        ASSERT_EQ(bands.columns.begin(bands.columns.pieces), w);
        ASSERT_EQ(bands.pieces(), bands.rows.pieces * bands.columns.pieces);
        // Several rows are not cut across.
        ASSERT_TRUE(h == 1 || bands.columns.pieces == 1);
        // A row more than twice as many at most; on average at least so many, unless the image has fewer.
        ASSERT_LE(bands.rows.size(0) * bands.columns.size(0), 2 * pixels + w);
        if (h == 1 || w <= pixels) { ASSERT_GE(h * w, bands.pieces() * std::min(pixels, h * w)); }
      }
    }
  }
}

// Every band and panel is some task's, and no two tasks'.
TEST(ConvTasks, share_everything_out_once) {
  for (const int threads : {1, 2, 3, 16}) {
    for (const std::int64_t images : {1, 2, 7, 128}) {
      for (const std::int64_t bands : {1, 5}) {
        for (const std::int64_t panels : {1, 4, 32}) {
          for (const double work : {1e3, 1e6, 1e9}) {
            const ConvTasks tasks(threads, images, bands, panels, work,
                                  bands == 1 ? BandTasks::multiply : BandTasks::prepare);
            std::vector<int> owners(static_cast<std::size_t>(images * bands * panels));
            for (std::int64_t i = 0; i < tasks.count(); ++i) {
              const ConvTasks::Task task = tasks[i];
              for (std::int64_t b = task.first_band; b < task.end_band; ++b) {
                for (std::int64_t p = task.first_panel; p < task.end_panel; ++p) {
                  ++owners[static_cast<std::size_t>(b * panels + p)];
                }
              }
            }
            for (const int count : owners) ASSERT_EQ(count, 1);
          }
        }
      }
    }
  }
}

// Of few channels, whose pixels take little room, longer ones.
TEST(ForwardBands, are_longer_of_few_channels) {
  const auto pixels = [](std::int64_t ic, std::int64_t oc) {
    return forward_bands({.ic = ic, .ih = 1, .iw = 8192, .oc = oc}).columns.size(0);
  };
  EXPECT_EQ(pixels(8, 64), 512);
  EXPECT_EQ(pixels(16, 64), 512);
  EXPECT_EQ(pixels(32, 64), 256);
  EXPECT_EQ(pixels(128, 64), 64);
  EXPECT_EQ(pixels(1024, 64), 64);
  EXPECT_EQ(pixels(1024, 65), 256);  // filters that do not stay in L2
}

TEST(ConvTasks, divide_channels_where_there_is_one_image) {
  EXPECT_GE(ConvTasks(4, 1, 1, 32, 1e8).count(), 4);
  EXPECT_EQ(ConvTasks(1, 1, 1, 32, 1e8).count(), 1);  // nobody to share with
  EXPECT_EQ(ConvTasks(4, 1, 1, 32, 1e4).count(), 1);  // not worth sharing
}

// Single bands, for balance, and panels only where bands are too few for that.
TEST(ConvTasks, prepare_bands_as_seldom_as_threads_allow) {
  EXPECT_EQ(ConvTasks(2, 1, 13, 4, 1e9, BandTasks::prepare).count(), 13);
  EXPECT_EQ(ConvTasks(2, 1, 13, 4, 1e9, BandTasks::multiply).count(), 26);
  EXPECT_EQ(ConvTasks(2, 1, 4, 4, 1e9, BandTasks::prepare).count(), 4);
  EXPECT_EQ(ConvTasks(2, 1, 3, 4, 1e9, BandTasks::prepare).count(), 6);
}

TEST(PaddedBands, see_no_more_than_32_KB_unless_they_are_single_rows) {
  for (const std::int64_t ih : {1, 5, 28, 224}) {
    for (const std::int64_t stride : {1, 2, 3}) {
      for (const std::int64_t ic : {1, 3, 64}) {
        const ConvShape shape{.ic = ic, .ih = ih, .iw = 28, .oc = 8, .kh = 5, .kw = 5, .stride_h = stride,
                              .pad_top = 2, .pad_left = 2, .pad_bottom = 2, .pad_right = 2};
        SCOPED_TRACE(shape.to_string());
        const PixelBands bands = padded_bands(shape);
        ASSERT_EQ(bands.rows.begin(bands.rows.pieces), shape.oh());
        ASSERT_EQ(bands.columns.size(0), shape.ow());
        ASSERT_TRUE(bands.rows.size(0) == 1 || padded_rows_floats(shape, bands.rows.size(0)) <= 8 * 1024);
      }
    }
  }
}

TEST(ConvTile, has_the_most_vectors_only_for_long_products_by_wide_ones) {
  const KernelTable& kernels = default_kernels();
  const std::int64_t columns = kMaxTileVectors * kernels.vector_floats;
  const auto same = [&](std::int64_t m, std::int64_t n) {
    return choose_conv_tile(kernels, m, n, 64).to_string() == choose_tile(kernels, m, n, 64).to_string();
  };
  EXPECT_TRUE(same(8, columns));
  EXPECT_TRUE(same(1000, columns + 1));
  if (kernels.vector_floats >= 16) {
    EXPECT_EQ(choose_conv_tile(kernels, 1000, 4 * columns, 64).columns, columns);
  } else {
    EXPECT_TRUE(same(1000, 4 * columns));
  }
}

TEST(UnseenColumns, are_cleared_with_their_rows_where_they_are_most_or_tiles_are_small) {
  const TileShape small{.rows = 8, .vectors = 2, .columns = 16}, large{.rows = 9, .vectors = 2, .columns = 16};
  const auto columns = [](std::int64_t stride, std::int64_t taps) {
    return backward_data_columns({.ic = 8, .ih = 1, .iw = 12, .oc = 8, .kw = taps, .stride_w = stride});
  };
  EXPECT_FALSE(clears_unseen_columns(columns(1, 1), small));
  EXPECT_FALSE(clears_unseen_columns(columns(2, 2), small));
  EXPECT_TRUE(clears_unseen_columns(columns(2, 1), small));
  EXPECT_FALSE(clears_unseen_columns(columns(2, 1), large));
  EXPECT_TRUE(clears_unseen_columns(columns(3, 1), large));
  EXPECT_FALSE(clears_unseen_columns(columns(3, 2), large));
}

TEST(BackwardWeightsPixels, fit_in_cache) {
  for (const std::int64_t ic : {1, 3, 64, 512, 1024, 4096}) {
    const ConvShape shape{.ic = ic, .ih = 50, .iw = 50, .oc = 64, .kh = 3, .kw = 3};
    const std::int64_t pixels = backward_weights_pixels(shape, DDstUse::packed);
    EXPECT_GE(pixels, 64);
    EXPECT_LE(pixels, 256);
    EXPECT_TRUE(pixels == 64 || pixels * ic * 4 <= 512 * 1024) << ic;
  }
}

TEST(BackwardWeightsPixels, of_d_dst_in_place_are_fewer_where_it_is_read_often) {
  const auto pixels = [](std::int64_t ic, std::int64_t oc, std::int64_t stride, DDstUse use) {
    const ConvShape shape{.ic = ic, .ih = 50, .iw = 50, .oc = oc, .stride_h = stride, .stride_w = stride};
    return backward_weights_pixels(shape, use);
  };
  EXPECT_EQ(pixels(64, 64, 1, DDstUse::seldom), 1024);
  EXPECT_EQ(pixels(512, 64, 1, DDstUse::seldom), 128);
  EXPECT_EQ(pixels(64, 64, 1, DDstUse::often), 256);
  EXPECT_EQ(pixels(512, 64, 1, DDstUse::often), 128);
  EXPECT_EQ(pixels(16, 32, 2, DDstUse::often), 32 * 1024 / 96);
  EXPECT_EQ(pixels(6, 16, 1, DDstUse::often), 1024);
}

}  // namespace
}  // namespace tilewise::simd
