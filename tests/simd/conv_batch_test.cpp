// Whole batches on any number of threads, for all three passes of a convolution.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "simd/conv_cases.hpp"
#include "support/guarded_array.hpp"
#include "support/random_data.hpp"
#include "support/reference.hpp"
#include "support/tolerance.hpp"
#include "tilewise/simd/conv_backward_data.hpp"
#include "tilewise/simd/conv_backward_weights.hpp"
#include "tilewise/simd/conv_forward.hpp"

namespace tilewise::simd {
namespace {

using testing::all_equal;
using testing::GuardedArray;
using testing::Pattern;
using testing::random_values;
using testing::same_bits;

struct BatchCase {
  std::int64_t images;
  ConvShape shape;
};

/// Few large images and many small ones, few channels and many: bands, groups of images, panels and
/// partial sums are all cut somewhere.
const BatchCase kCases[] = {
    {1, {.ic = 1, .ih = 28, .iw = 28, .oc = 32, .kh = 3, .kw = 3}},
    {5, {.ic = 32, .ih = 13, .iw = 13, .oc = 64, .kh = 3, .kw = 3}},
    {1, {.ic = 3, .ih = 60, .iw = 61, .oc = 20, .kh = 5, .kw = 5, .stride_h = 2, .stride_w = 2,
         .pad_top = 2, .pad_left = 2, .pad_bottom = 2, .pad_right = 2}},
    {19, {.ic = 48, .ih = 4, .iw = 4, .oc = 96, .kh = 3, .kw = 3, .pad_top = 1, .pad_left = 1,
          .pad_bottom = 1, .pad_right = 1}},
    {1, {.ic = 32, .ih = 13, .iw = 13, .oc = 64, .kh = 3, .kw = 3}},
    {2, {.ic = 200, .ih = 5, .iw = 5, .oc = 120, .kh = 3, .kw = 3}},
    {3, {.ic = 40, .ih = 30, .iw = 31, .oc = 70}},
    {3, {.ic = 33, .ih = 17, .iw = 17, .oc = 65, .stride_h = 2, .stride_w = 2}},
    {2, {.ic = 3, .ih = 100, .iw = 40, .oc = 8, .kh = 3, .kw = 3, .stride_h = 2, .stride_w = 2,
         .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1}},
    {3, {.ic = 17, .ih = 20, .iw = 19, .oc = 64, .kh = 3, .kw = 3, .stride_h = 2, .stride_w = 2,
         .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1}},
    {2, {.ic = 24, .ih = 30, .iw = 31, .oc = 520}},
    {20, {.ic = 16, .ih = 4, .iw = 4, .oc = 512}},
    {2, {.ic = 1, .ih = 60, .iw = 70, .oc = 32, .kh = 3, .kw = 3}},
    {23, {.ic = 1, .ih = 6, .iw = 7, .oc = 64, .kh = 3, .kw = 3}},
    {23, {.ic = 1, .ih = 6, .iw = 7, .oc = 6, .kh = 3, .kw = 3, .pad_top = 1, .pad_left = 1, .pad_bottom = 1,
          .pad_right = 1}},
    // pixels that are copied, of groups of images and in bands
    {9, {.ic = 20, .ih = 15, .iw = 14, .oc = 130, .stride_h = 2, .stride_w = 2}},
    {2, {.ic = 130, .ih = 45, .iw = 49, .oc = 130, .stride_h = 2, .stride_w = 2}},
    {2, {.ic = 260, .ih = 45, .iw = 41, .oc = 130, .stride_h = 2, .stride_w = 2}},
    // and transposed, in bands that begin within a row
    {2, {.ic = 260, .ih = 45, .iw = 49, .oc = 512, .stride_h = 2, .stride_w = 2}},
    // backward data of more columns that no window sees than others
    {3, {.ic = 64, .ih = 17, .iw = 17, .oc = 20, .stride_h = 3, .stride_w = 3}},
    // backward weights of one sum and one panel, which threads divide
    {1, {.ic = 30, .ih = 9, .iw = 8, .oc = 64, .kh = 5, .kw = 3}},
    // backward data in groups of images and by phases, of unequal strides and with a dilation
    {37, {.ic = 40, .ih = 7, .iw = 5, .oc = 24, .kh = 3, .kw = 3, .stride_h = 2, .stride_w = 3, .pad_top = 1,
          .pad_left = 1, .pad_bottom = 1, .pad_right = 1}},
    {3, {.ic = 36, .ih = 31, .iw = 33, .oc = 50, .kh = 3, .kw = 5, .stride_h = 2, .stride_w = 2, .pad_top = 3,
         .pad_left = 2, .pad_bottom = 3, .pad_right = 2, .dilation_h = 3, .dilation_w = 2}},
    // by Winograd's filtering: several partial sums, and none
    {40, {.ic = 32, .ih = 13, .iw = 13, .oc = 64, .kh = 3, .kw = 3}},
    {9, {.ic = 24, .ih = 16, .iw = 15, .oc = 100, .kh = 3, .kw = 3, .pad_top = 1, .pad_left = 1, .pad_bottom = 1,
         .pad_right = 1}},
    // of many filters, summed up in parts
    {17, {.ic = 130, .ih = 9, .iw = 9, .oc = 70, .kh = 3, .kw = 3}},
    {0, {.ic = 32, .ih = 13, .iw = 13, .oc = 64, .kh = 3, .kw = 3}},
    {0, {.ic = 3, .ih = 5, .iw = 5, .oc = 4, .kh = 3, .kw = 3}},
};

/// Runs body(executor) on 1, 2, 3 and 8 threads; returns the result of the first and compares.
template <class Body>
std::vector<float> on_any_number_of_threads(Body body) {
  Executor one(1);
  const std::vector<float> alone = body(one);
  for (const int threads : {2, 3, 8}) {
    Executor several(threads);
    EXPECT_TRUE(same_bits(body(several), alone)) << threads << " threads";
  }
  return alone;
}

std::vector<float> forward(Executor& executor, const BatchCase& c, ConvAlgorithm algorithm,
                           const std::vector<float>& src, const std::vector<float>& wei,
                           const std::vector<float>& bias) {
  const ConvForward conv(default_kernels(), c.shape, algorithm);
  const std::int64_t floats = executor.threads() * conv.scratch_floats();
  GuardedArray<float> packed(conv.packed_floats()), workspace(floats), dst(c.images * c.shape.dst_size());
  conv.pack(wei.data(), packed.data());
  conv.batch(executor, c.images, src.data(), packed.data(), bias.data(),
             -std::numeric_limits<float>::infinity(), dst.data(), Workspace(workspace.data(), floats));
  EXPECT_TRUE(workspace.intact() && dst.intact());
  return {dst.span().begin(), dst.span().end()};
}

std::vector<float> backward_data(Executor& executor, const BatchCase& c, ConvAlgorithm algorithm,
                                 const std::vector<float>& d_dst, const std::vector<float>& wei) {
  const ConvBackwardData conv(default_kernels(), c.shape, algorithm);
  const std::int64_t floats = executor.threads() * conv.scratch_floats();
  GuardedArray<float> packed(conv.packed_floats()), workspace(floats),
      d_src(c.images * c.shape.src_size());
  conv.pack(wei.data(), packed.data());
  conv.batch(executor, c.images, d_dst.data(), packed.data(), d_src.data(),
             Workspace(workspace.data(), floats));
  EXPECT_TRUE(workspace.intact() && d_src.intact());
  return {d_src.span().begin(), d_src.span().end()};
}

std::vector<float> backward_weights(Executor& executor, const BatchCase& c, ConvAlgorithm algorithm,
                                    const std::vector<float>& src, const std::vector<float>& d_dst) {
  const ConvBackwardWeights conv(default_kernels(), c.shape, algorithm);
  const std::int64_t floats = conv.workspace_floats(c.images, executor.threads());
  GuardedArray<float> workspace(floats), d_wei(c.shape.wei_size());
  conv.batch(executor, c.images, src.data(), d_dst.data(), d_wei.data(),
             Workspace(workspace.data(), floats));
  EXPECT_TRUE(workspace.intact() && d_wei.intact());
  return {d_wei.span().begin(), d_wei.span().end()};
}

TEST(ConvBatch, matches_the_reference_with_the_same_bits_on_any_number_of_threads) {
  for (const BatchCase& c : kCases) {
    const ConvShape& s = c.shape;
    SCOPED_TRACE(std::to_string(c.images) + " of " + s.to_string());
    // Integers for the values, which other ways than the automatic one have to the bit; fractions for the bits.
    for (const auto& [pattern, algorithm] : {std::pair{Pattern::integers, ConvAlgorithm::winograd_2x2},
                                             std::pair{Pattern::uniform, ConvAlgorithm::winograd_2x2},
                                             std::pair{Pattern::uniform, ConvAlgorithm::automatic}}) {
      const std::vector<float> src = random_values(c.images * s.src_size(), 1, pattern);
      const std::vector<float> wei = random_values(s.wei_size(), 2, pattern);
      const std::vector<float> bias = random_values(s.oc, 3, pattern);
      const std::vector<float> d_dst = random_values(c.images * s.dst_size(), 4, pattern);
      const ConvAlgorithm way = algorithm;
      const auto dst = on_any_number_of_threads(
          [&](Executor& executor) { return forward(executor, c, way, src, wei, bias); });
      const auto d_src = on_any_number_of_threads(
          [&](Executor& executor) { return backward_data(executor, c, way, d_dst, wei); });
      const auto d_wei = on_any_number_of_threads(
          [&](Executor& executor) { return backward_weights(executor, c, way, src, d_dst); });
      if (pattern != Pattern::integers) continue;

      std::vector<float> expected_dst(dst.size()), expected_d_src(d_src.size());
      std::vector<float> expected_d_wei(d_wei.size());
      for (std::int64_t i = 0; i < c.images; ++i) {
        const float* const image = src.data() + i * s.src_size();
        const float* const gradient = d_dst.data() + i * s.dst_size();
        reference::conv_forward(s, image, wei.data(), bias.data(),
                                -std::numeric_limits<float>::infinity(),
                                expected_dst.data() + i * s.dst_size());
        reference::conv_backward_data(s, gradient, wei.data(),
                                      expected_d_src.data() + i * s.src_size());
        reference::conv_backward_weights(s, image, gradient, expected_d_wei.data());
      }
      ASSERT_TRUE(all_equal(dst, expected_dst));
      ASSERT_TRUE(all_equal(d_src, expected_d_src));
      ASSERT_TRUE(all_equal(d_wei, expected_d_wei));
    }
  }
}

// A network computes images one by one or a few at a time, a benchmark or a user all at once.
TEST(ConvBatch, gives_the_bits_of_single_images) {
  constexpr float kNoFloor = -std::numeric_limits<float>::infinity();
  for (const BatchCase& c : kCases) {
    const ConvShape& s = c.shape;
    SCOPED_TRACE(s.to_string());
    const std::vector<float> src = random_values(c.images * s.src_size(), 1);
    const std::vector<float> wei = random_values(s.wei_size(), 2);
    const std::vector<float> bias = random_values(s.oc, 3);
    const std::vector<float> d_dst = random_values(c.images * s.dst_size(), 4);
    Executor executor(2);
    const std::vector<float> dst = forward(executor, c, ConvAlgorithm::automatic, src, wei, bias);
    const std::vector<float> d_src = backward_data(executor, c, ConvAlgorithm::automatic, d_dst, wei);

    const ConvForward conv(default_kernels(), s);
    const ConvBackwardData conv_data(default_kernels(), s);
    std::vector<float> packed(static_cast<std::size_t>(conv.packed_floats()));
    std::vector<float> packed_data(static_cast<std::size_t>(conv_data.packed_floats()));
    conv.pack(wei.data(), packed.data());
    conv_data.pack(wei.data(), packed_data.data());
    const std::int64_t floats = std::max(conv.scratch_floats(), conv_data.scratch_floats());
    GuardedArray<float> scratch(floats);
    std::vector<float> dst_alone(dst.size()), d_src_alone(d_src.size());
    for (std::int64_t i = 0; i < c.images; ++i) {
      const Workspace workspace(scratch.data(), floats);
      conv.images(1, src.data() + i * s.src_size(), packed.data(), bias.data(), kNoFloor,
                  dst_alone.data() + i * s.dst_size(), workspace);
      conv_data.images(1, d_dst.data() + i * s.dst_size(), packed_data.data(),
                      d_src_alone.data() + i * s.src_size(), workspace);
    }
    EXPECT_TRUE(same_bits(dst_alone, dst));
    EXPECT_TRUE(same_bits(d_src_alone, d_src));
    std::vector<float> dst_few(dst.size()), d_src_few(d_src.size());
    for (std::int64_t i = 0; i < c.images; i += 3) {
      const std::int64_t few = std::min<std::int64_t>(3, c.images - i);
      const Workspace workspace(scratch.data(), floats);
      conv.images(few, src.data() + i * s.src_size(), packed.data(), bias.data(), kNoFloor,
                  dst_few.data() + i * s.dst_size(), workspace);
      conv_data.images(few, d_dst.data() + i * s.dst_size(), packed_data.data(), d_src_few.data() + i * s.src_size(),
                       workspace);
    }
    EXPECT_TRUE(same_bits(dst_few, dst));
    EXPECT_TRUE(same_bits(d_src_few, d_src));
  }
}

// No more extra memory than input, output and filters take, packed filters aside, which are as large as
// the filters but for the padding of the last panel. Winograd's filtering has scratch for a block of tiles, however
// small the batch is.
TEST(ConvBatch, takes_no_more_workspace_than_operands_on_two_threads) {
  for (const Isa isa : supported_isas()) {
    const KernelTable& kernels = kernel_table(isa);
    for (const BatchCase& c : kCases) {
      if (c.images == 0) continue;
      const ConvShape& s = c.shape;
      SCOPED_TRACE(std::string(isa_name(isa)) + ", " + std::to_string(c.images) + " of " + s.to_string());
      const std::int64_t operands = c.images * (s.src_size() + s.dst_size()) + s.wei_size();
      const ConvAlgorithm direct = ConvAlgorithm::direct;
      EXPECT_LE(ConvBackwardWeights(kernels, s, direct).workspace_floats(c.images, 2), operands);
      EXPECT_LE(2 * ConvForward(kernels, s, direct).scratch_floats(), operands);
      EXPECT_LE(2 * ConvBackwardData(kernels, s, direct).scratch_floats(), operands);
    }
  }
}

}  // namespace
}  // namespace tilewise::simd
