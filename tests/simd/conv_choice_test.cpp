// Which way a convolution is computed, where there are several: choices that no result shows.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "tilewise/simd/conv_backward_data.hpp"
#include "tilewise/simd/conv_backward_weights.hpp"
#include "tilewise/simd/conv_direct.hpp"
#include "tilewise/simd/conv_pool_forward.hpp"

namespace tilewise::simd {
namespace {

using ::testing::EndsWith;
using ::testing::Not;
using ::testing::StartsWith;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Of `taps` x `taps`, padded so that the output is as large as the image, if the stride is 1.
ConvShape square(std::int64_t ic, std::int64_t size, std::int64_t oc, std::int64_t taps) {
  const std::int64_t pad = taps / 2;
  return {.ic = ic, .ih = size, .iw = size, .oc = oc, .kh = taps, .kw = taps, .pad_top = pad, .pad_left = pad,
          .pad_bottom = pad, .pad_right = pad};
}

std::string backward_data_of(const ConvShape& shape, ConvAlgorithm algorithm = ConvAlgorithm::automatic) {
  return ConvBackwardData(default_kernels(), shape, algorithm).kernel();
}

/// Lanes of the vectors that so many channels are computed with.
std::int64_t lanes(std::int64_t channels) { return kernels_for_columns(default_kernels(), channels).vector_floats; }

/// Fewer than the lanes of a vector of up to eight; of sixteen at most half.
bool are_few(std::int64_t channels) {
  const std::int64_t width = lanes(channels);
  return channels <= (width > 8 ? width / 2 : width - 1);
}

TEST(ConvBackwardDataChoice, spreads_channels_that_do_not_fill_a_vector) {
  for (std::int64_t ic = 1; ic <= 40; ++ic) {
    const std::string kernel = backward_data_of(square(ic, 12, 8, 5));
    SCOPED_TRACE(std::to_string(ic) + " channels: " + kernel);
    EXPECT_THAT(kernel, StartsWith("tile "));
    EXPECT_EQ(kernel.ends_with(" spread"), are_few(ic));
  }
}

TEST(ConvBackwardDataChoice, spreads_with_any_stride_but_neither_single_taps_nor_ones_apart) {
  ConvShape shape = square(1, 12, 8, 3);
  shape.stride_h = shape.stride_w = 2;
  EXPECT_THAT(backward_data_of(shape), EndsWith(" spread"));
  shape.dilation_h = 2;
  EXPECT_THAT(backward_data_of(shape), EndsWith(" spread"));
  shape.dilation_w = 2;
  EXPECT_THAT(backward_data_of(shape), Not(EndsWith(" spread")));
  EXPECT_THAT(backward_data_of(square(1, 12, 8, 1)), Not(EndsWith(" spread")));
}

TEST(ConvBackwardDataChoice, filters_by_winograd_only_what_is_a_plain_convolution_of_d_dst) {
  const ConvShape plain = square(64, 14, 64, 3);
  EXPECT_THAT(backward_data_of(plain), StartsWith("winograd "));
  EXPECT_THAT(backward_data_of(plain, ConvAlgorithm::direct), StartsWith("tile "));
  for (std::int64_t ConvShape::*const step :
       {&ConvShape::stride_h, &ConvShape::stride_w, &ConvShape::dilation_h, &ConvShape::dilation_w}) {
    ConvShape shape = plain;
    shape.*step = 2;
    EXPECT_THAT(backward_data_of(shape), StartsWith("tile ")) << shape.to_string();
  }
  for (std::int64_t ConvShape::*const pad : {&ConvShape::pad_top, &ConvShape::pad_left}) {
    ConvShape shape = plain;
    shape.*pad = 2;
    EXPECT_THAT(backward_data_of(shape), StartsWith("winograd ")) << shape.to_string();
    shape.*pad = 3;  // d_dst would begin with what nobody reads
    EXPECT_THAT(backward_data_of(shape), StartsWith("tile ")) << shape.to_string();
  }
  EXPECT_THAT(backward_data_of(square(64, 14, 64, 5)), StartsWith("tile "));
}

// With half of the lanes idle, or more, spreading is faster than Winograd's filtering, which else would pay.
TEST(ConvBackwardDataChoice, spreads_half_a_vector_though_winograd_would_pay) {
  for (std::int64_t ic = 1; are_few(ic); ++ic) {
    const ConvShape shape = square(ic, 28, 256, 3);
    const bool pays = ConvWinograd::choose(default_kernels(), square(256, 28, ic, 3)).has_value();
    const std::string kernel = backward_data_of(shape);
    SCOPED_TRACE(std::to_string(ic) + " channels: " + kernel);
    if (2 * ic <= lanes(ic) || !pays) {
      EXPECT_THAT(kernel, EndsWith(" spread"));
    } else {
      EXPECT_THAT(kernel, StartsWith("winograd "));
    }
  }
}

/// Whether a forward pass copies the pixels that a 1x1 filter of so many channels sees, with a stride of 2.
bool copies_samples(std::int64_t ic, std::int64_t oc, std::int64_t ow) {
  const ConvShape shape{.ic = ic, .ih = 50, .iw = 2 * ow, .oc = oc, .stride_h = 2, .stride_w = 2};
  return ConvDirect(default_kernels(), shape).scratch_floats() > 0;
}

TEST(ConvSamplingChoice, copies_short_rows_of_pixels_for_many_channels) {
  const std::int64_t enough = 8 * default_kernels().vector_floats;
  EXPECT_TRUE(copies_samples(32, enough, 14));
  EXPECT_FALSE(copies_samples(32, enough - 1, 14));
  EXPECT_TRUE(copies_samples(32, enough, 27));
  EXPECT_FALSE(copies_samples(32, enough, 28));
  EXPECT_TRUE(copies_samples(256, 2 * enough, 20));
  EXPECT_FALSE(copies_samples(8192, 2 * enough, 20));  // too many for L2
}

// Wide vectors take short sums of pixels in place as well.
TEST(ConvSamplingChoice, copies_for_gradients_of_filters_unless_vectors_are_wide) {
  const std::int64_t oc = 8 * default_kernels().vector_floats;
  const ConvShape strided{.ic = 16, .ih = 16, .iw = 16, .oc = oc, .stride_h = 2, .stride_w = 2};
  const ConvShape cut{.ic = 16, .ih = 8, .iw = 8, .oc = oc};  // the same without a stride
  const auto scratch_floats = [](const ConvShape& shape) {
    return ConvBackwardWeights(default_kernels(), shape, ConvAlgorithm::direct).scratch_floats();
  };
  EXPECT_EQ(scratch_floats(strided) >= scratch_floats(cut) + 8 * 8 * 16, !has_wide_vectors(default_kernels()));
}

// It comes with one image at a time, of few tiles, which short vectors multiply faster than L2 delivers filters.
TEST(ConvPoolForwardChoice, has_small_tiles_for_small_images_where_vectors_are_short) {
  const auto kernel = [](std::int64_t size, ConvAlgorithm algorithm) {
    const ConvShape conv{.ic = 32, .ih = size + 2, .iw = size + 2, .oc = 64, .kh = 3, .kw = 3};
    const PoolGeometry pool{.ih = size, .iw = size, .oh = size / 2, .ow = size / 2, .channels = 64, .kh = 2,
                            .kw = 2, .stride_h = 2, .stride_w = 2};
    return ConvPoolForward(default_kernels(), conv, pool, algorithm).kernel();
  };
  const bool wide = has_wide_vectors(default_kernels());
  EXPECT_THAT(kernel(12, ConvAlgorithm::automatic), StartsWith(wide ? "winograd 4x4" : "winograd 2x2"));
  EXPECT_THAT(kernel(16, ConvAlgorithm::automatic), StartsWith("winograd 4x4"));
  EXPECT_THAT(kernel(16, ConvAlgorithm::winograd_2x2), StartsWith("winograd 2x2"));
  EXPECT_THAT(kernel(12, ConvAlgorithm::direct), StartsWith("tile "));
}

// Rows of A are reused by all vectors of a tile, its columns by all rows: which of them matters more depends on how
// long the product is.
TEST(ConvTileChoice, is_the_widest_from_some_length_on) {
  const KernelTable& kernels = default_kernels();
  const TileShape widest = widest_tile(kernels);
  const auto is_widest = [&](std::int64_t m) {
    return choose_conv_tile(kernels, m, 2 * widest.columns, 256).to_string() == widest.to_string();
  };
  EXPECT_FALSE(is_widest(kernels.max_rows[0]));  // one tall tile
  if (!has_wide_vectors(kernels)) return;
  bool was = false;
  for (std::int64_t m = kernels.max_rows[0]; m <= 128; ++m) {
    EXPECT_TRUE(is_widest(m) || !was) << m;
    was = is_widest(m);
  }
  EXPECT_TRUE(is_widest(56));
}

// The rows of filters' gradients are the terms of a filter row: taps times input channels.
TEST(ConvTileChoice, of_filters_gradients_is_the_widest_for_more_than_a_tile_of_terms) {
  const KernelTable& kernels = default_kernels();
  const TileShape widest = widest_tile(kernels);
  const auto kernel = [&](std::int64_t ic) {
    return ConvBackwardWeights(kernels, square(ic, 28, 2 * widest.columns, 1), ConvAlgorithm::direct).kernel();
  };
  const std::string wide = "tile " + widest.to_string();
  EXPECT_NE(kernel(kMostShortTerms + 1), wide);
  for (const std::int64_t ic : {32, 256}) EXPECT_EQ(kernel(ic) == wide, has_wide_vectors(kernels)) << ic;
}

/// Counts the chunks of an executor's loops.
class ChunkCounter final : public LoopObserver {
 public:
  void before_loop() noexcept override {}
  void after_loop() noexcept override {}
  void run_chunk(std::int64_t chunk, int worker, FunctionRef<void(std::int64_t, int)> body) override {
    {
      const std::lock_guard lock(mutex_);
      chunks_.insert(chunk);
    }
    body(chunk, worker);
  }
  std::int64_t count() const { return static_cast<std::int64_t>(chunks_.size()); }

 private:
  std::mutex mutex_;
  std::set<std::int64_t> chunks_;
};

/// Into how many tasks `threads` threads cut a forward pass.
std::int64_t forward_tasks(const ConvShape& shape, std::int64_t images, int threads) {
  const ConvDirect conv(default_kernels(), shape);
  const std::vector<float> src(static_cast<std::size_t>(images * shape.src_size()));
  const std::vector<float> wei(static_cast<std::size_t>(shape.wei_size())), bias(static_cast<std::size_t>(shape.oc));
  std::vector<float> packed(static_cast<std::size_t>(conv.packed_floats()));
  std::vector<float> dst(static_cast<std::size_t>(images * shape.dst_size()));
  std::vector<float> scratch(static_cast<std::size_t>(threads * conv.scratch_floats()));
  conv.pack(wei.data(), packed.data());
  Executor executor(threads);
  ChunkCounter counter;
  executor.observe(&counter);
  conv.batch(executor, images, src.data(), packed.data(), bias.data(), -kInfinity, dst.data(),
             Workspace(scratch.data(), static_cast<std::int64_t>(scratch.size())));
  return counter.count();
}

// A small image is one band, and few channels are one panel.
TEST(ConvDirectBatch, cuts_a_single_small_image_into_bands_for_all_threads) {
  const ConvShape shape = square(512, 8, 4, 3);
  ASSERT_EQ(forward_bands(shape).pieces(), 1);
  EXPECT_EQ(forward_tasks(shape, 1, 1), 1);
  for (const int threads : {2, 3, 4}) EXPECT_GE(forward_tasks(shape, 1, threads), threads);
  // Images enough are not cut: their filters would be read more often.
  EXPECT_EQ(forward_tasks(shape, 2 * forward_group(shape), 2), 2);
}

// Tasks of a copied band would each copy it; but a single row has only its panels to share.
TEST(ConvDirectBatch, divides_the_channels_of_a_single_row) {
  const ConvShape shape{.ic = 3, .ih = 1, .iw = 2000, .oc = 256, .kh = 1, .kw = 3, .pad_left = 1, .pad_right = 1};
  EXPECT_GE(forward_tasks(shape, 1, 4), 4);
}

/// Floats of all partial sums of a batch: what its workspace has that does not grow with the threads.
std::int64_t partial_sums_floats(const ConvShape& shape, ConvAlgorithm algorithm, std::int64_t images) {
  const ConvBackwardWeights conv(default_kernels(), shape, algorithm);
  return 2 * conv.workspace_floats(images, 1) - conv.workspace_floats(images, 2);
}

TEST(ConvBackwardWeightsBatch, sums_up_sixteen_parts_of_a_large_batch) {
  const ConvShape shape{.ic = 32, .ih = 13, .iw = 13, .oc = 64, .kh = 3, .kw = 3};
  // d_wei itself is one of them.
  EXPECT_EQ(partial_sums_floats(shape, ConvAlgorithm::direct, 128), 15 * shape.wei_size());
  ASSERT_EQ(WinogradWeights::choose(default_kernels(), shape), WinogradSize::four);
  // By Winograd's filtering as many, or one for every 128 tiles of 4 x 4, that is 14 images of nine.
  EXPECT_EQ(partial_sums_floats(shape, ConvAlgorithm::winograd_2x2, 128), 15 * shape.wei_size());
  EXPECT_EQ(partial_sums_floats(shape, ConvAlgorithm::automatic, 128), 8 * shape.wei_size());
}

// Of large filters sums are made in parts, so that with its workspace for two threads the gradient takes at most as
// much memory again as src, d_dst and d_wei. Where images are too small, it does not.
TEST(ConvBackwardWeightsBatch, takes_little_memory_by_winograd) {
  const auto share = [](const ConvShape& shape, std::int64_t images) {
    const ConvBackwardWeights conv(default_kernels(), shape);
    EXPECT_THAT(conv.kernel(), StartsWith("winograd 4x4")) << shape.to_string();
    const auto operands = images * (shape.src_size() + shape.dst_size()) + shape.wei_size();
    return static_cast<double>(conv.workspace_floats(images, 2)) / static_cast<double>(operands);
  };
  EXPECT_LE(share(square(64, 8, 64, 3), 32), 1);
  EXPECT_LE(share(square(64, 16, 128, 3), 32), 1);
  EXPECT_LE(share(square(64, 56, 64, 3), 2), 1);
  EXPECT_LE(share(square(128, 8, 128, 3), 32), 1);
  EXPECT_LE(share(square(256, 8, 256, 3), 16), 1);
  EXPECT_LE(share(square(256, 14, 256, 3), 4), 1);
  EXPECT_LE(share(square(512, 7, 512, 3), 4), 1);
  EXPECT_GT(share(square(32, 12, 32, 3), 1), 1);
}

// By pairs of rows pixels are read once more for each, which does not pay for few.
TEST(ConvBackwardWeightsBatch, sums_up_all_positions_at_once_of_small_filters) {
  const auto scratch_floats = [](std::int64_t ic) {
    const WinogradWeights conv(default_kernels(), square(ic, 18, 64, 3), WinogradSize::four);
    return conv.workspace_floats(64, 9) - conv.workspace_floats(64, 8);  // of one more thread
  };
  EXPECT_GT(scratch_floats(63), 2 * scratch_floats(64));
}

// Of one panel of output channels, an even number of partial sums: work for two threads.
TEST(ConvBackwardWeightsBatch, divides_the_tiles_of_a_single_panel) {
  const KernelTable& kernels = default_kernels();
  const ConvShape shape = square(16, 16, 2 * kernels.vector_floats, 3);  // of 16 tiles of 4 x 4
  const WinogradWeights conv(kernels, shape, WinogradSize::four);
  const auto parts = [&](std::int64_t images) {
    return 1 + (2 * conv.workspace_floats(images, 1) - conv.workspace_floats(images, 2)) / shape.wei_size();
  };
  EXPECT_EQ(parts(3), 1);
  EXPECT_EQ(parts(4), 2);
  EXPECT_EQ(parts(8), 2);
  EXPECT_EQ(parts(17), 4);
}

// Small images come in groups, but not in so few that threads would have nothing to share.
TEST(ConvBackwardWeightsBatch, cuts_small_images_into_eight_groups) {
  ConvShape shape = square(32, 16, 64, 3);
  shape.stride_h = shape.stride_w = 2;
  EXPECT_EQ(partial_sums_floats(shape, ConvAlgorithm::direct, 32), 7 * shape.wei_size());
}

// Together they are to stay in cache, if they are more than a few.
TEST(ConvBackwardWeightsBatch, sums_up_few_parts_of_large_filters) {
  const auto sums = [](std::int64_t oc) {
    const ConvShape shape{.ic = 512, .ih = 28, .iw = 28, .oc = oc};
    return 1 + partial_sums_floats(shape, ConvAlgorithm::direct, 16) / shape.wei_size();
  };
  EXPECT_EQ(sums(32), 16);
  EXPECT_EQ(sums(128), 5);
  EXPECT_EQ(sums(256), 4);
}

TEST(ConvBackwardWeightsBatch, has_one_sum_where_filters_are_larger_than_images) {
  const ConvShape shape = square(64, 4, 64, 3);
  EXPECT_EQ(partial_sums_floats(shape, ConvAlgorithm::direct, 4), 0);
}

/// Outputs that are not finite where a filter has an infinite weight at one tap; `count` those of an image of ones.
struct Edges {
  Edges(ConvPass pass, const ConvShape& shape) {
    const ConvDirect conv(default_kernels(), shape, pass);
    const bool forward = pass == ConvPass::forward;
    const std::vector<float> in(static_cast<std::size_t>(forward ? shape.src_size() : shape.dst_size()), 1.0F);
    std::vector<float> wei(static_cast<std::size_t>(shape.wei_size()), 1.0F);
    std::fill_n(wei.begin(), shape.ic * shape.oc, kInfinity);  // above and at the left
    const std::vector<float> bias(static_cast<std::size_t>(shape.oc));
    std::vector<float> packed(static_cast<std::size_t>(conv.packed_floats()));
    std::vector<float> scratch(static_cast<std::size_t>(conv.scratch_floats()));
    out.resize(static_cast<std::size_t>(forward ? shape.dst_size() : shape.src_size()));
    conv.pack(wei.data(), packed.data());
    conv.images(1, in.data(), packed.data(), bias.data(), -kInfinity, out.data(),
                Workspace(scratch.data(), static_cast<std::int64_t>(scratch.size())));
    channels = forward ? shape.oc : shape.ic;
    width = forward ? shape.ow() : shape.iw;
  }
  float at(std::int64_t row, std::int64_t column) const {
    return out[static_cast<std::size_t>((row * width + column) * channels)];
  }

  std::vector<float> out;
  std::int64_t channels, width;
};

// The first row and column do not see the tap above at the left; backward data, turned around, the last of both.
TEST(ConvDirectEdges, leave_out_an_infinite_weight_that_meets_padding) {
  const std::int64_t size = 20, last = size - 1;
  const Edges forward(ConvPass::forward, square(16, size, 16, 3));
  const Edges backward(ConvPass::backward_data, square(16, size, 16, 3));
  for (std::int64_t i = 0; i < size; ++i) {
    EXPECT_TRUE(std::isfinite(forward.at(0, i)) && std::isfinite(forward.at(i, 0))) << i;
    EXPECT_TRUE(std::isfinite(backward.at(last, i)) && std::isfinite(backward.at(i, last))) << i;
  }
  for (std::int64_t i = 1; i < size; ++i) {
    EXPECT_EQ(forward.at(i, i), kInfinity) << i;
    EXPECT_EQ(backward.at(last - i, last - i), kInfinity) << i;
  }
}

// Images of few channels are copied with zeros around them, and zero times infinity is not a number.
TEST(ConvDirectEdges, of_few_channels_multiply_zeros_by_an_infinite_weight) {
  const std::int64_t size = 28;
  const Edges forward(ConvPass::forward, square(1, size, 16, 3));
  for (std::int64_t i = 0; i < size; ++i) {
    EXPECT_TRUE(std::isnan(forward.at(0, i)) && std::isnan(forward.at(i, 0))) << i;
  }
  for (std::int64_t i = 1; i < size; ++i) EXPECT_EQ(forward.at(i, i), kInfinity) << i;
  // In bands, where a copy of the whole would take more memory than the operands.
  EXPECT_TRUE(std::isnan(Edges(ConvPass::forward, square(6, 32, 6, 5)).at(0, 0)));
}

}  // namespace
}  // namespace tilewise::simd
