#include "tilewise/simd/conv_forward.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "simd/conv_cases.hpp"
#include "support/guarded_array.hpp"
#include "support/random_data.hpp"
#include "support/reference.hpp"
#include "support/tolerance.hpp"
#include "tilewise/core/error.hpp"

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

constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Data {
  Data(const ConvShape& shape, Pattern pattern)
      : src(random_values(shape.src_size(), 1, pattern)),
        wei(random_values(shape.wei_size(), 2, pattern)),
        bias(random_values(shape.oc, 3, pattern)) {}

  std::vector<float> src, wei, bias;
};

/// The kernel's output, from guarded arrays of just the sizes it asks for.
std::vector<float> run(const ConvShape& shape, const Data& data, float floor,
                       ConvAlgorithm algorithm = ConvAlgorithm::direct) {
  const ConvForward conv(default_kernels(), shape, algorithm);
  const GuardedArray<float> src(data.src);
  const GuardedArray<float> wei(data.wei);
  const GuardedArray<float> bias(data.bias);
  GuardedArray<float> packed(conv.packed_floats());
  GuardedArray<float> dst(shape.dst_size());
  conv.pack(wei.data(), packed.data());
  const std::vector<float> packed_before(packed.span().begin(), packed.span().end());
  GuardedArray<float> scratch(conv.scratch_floats());
  conv.images(1, src.data(), packed.data(), bias.data(), floor, dst.data(),
              Workspace(scratch.data(), conv.scratch_floats()));
  EXPECT_TRUE(scratch.intact());
  EXPECT_TRUE(src.intact() && wei.intact() && bias.intact());
  EXPECT_TRUE(packed.intact() && dst.intact());
  EXPECT_TRUE(same_bits(src.span(), data.src));
  EXPECT_TRUE(same_bits(packed.span(), packed_before));
  return {dst.span().begin(), dst.span().end()};
}

std::vector<double> expected(const ConvShape& shape, const Data& data, double floor) {
  std::vector<double> dst(static_cast<std::size_t>(shape.dst_size()));
  reference::conv_forward(shape, widen(data.src).data(), widen(data.wei).data(),
                          widen(data.bias).data(), floor, dst.data());
  return dst;
}

/// kh * kw * ic products and the bias.
std::vector<double> bounds(const ConvShape& shape, const Data& data) {
  std::vector<double> scale(static_cast<std::size_t>(shape.dst_size()));
  reference::conv_forward(shape, magnitudes(data.src).data(), magnitudes(data.wei).data(),
                          magnitudes(data.bias).data(), 0.0, scale.data());
  return testing::bounds(static_cast<double>(shape.kh * shape.kw * shape.ic) + 1, scale);
}

// conv_winograd_test.cpp has the rounding of the other algorithm.
TEST(ConvForward, matches_the_reference) {
  for (const ConvShape& shape : testing::awkward_convolutions()) {
    SCOPED_TRACE(shape.to_string());
    const Data exact(shape, Pattern::integers);
    ASSERT_TRUE(all_equal(run(shape, exact, -kInfinity, ConvAlgorithm::winograd_2x2),
                          expected(shape, exact, -kInfinity)));
    ASSERT_TRUE(all_equal(run(shape, exact, -kInfinity), expected(shape, exact, -kInfinity)));
    ASSERT_TRUE(all_equal(run(shape, exact, 0), expected(shape, exact, 0)));
    const Data real(shape, Pattern::uniform);
    ASSERT_TRUE(
        all_near(run(shape, real, -kInfinity), expected(shape, real, -kInfinity),
                 bounds(shape, real)));
  }
}

TEST(ConvForward, of_ones_counts_the_taps_inside_the_image) {
  const ConvShape shape{.ic = 1, .ih = 3, .iw = 3, .oc = 1, .kh = 3, .kw = 3, .pad_top = 1,
                        .pad_left = 1, .pad_bottom = 1, .pad_right = 1};
  Data data(shape, Pattern::integers);
  data.src.assign(9, 1.0F);
  data.wei.assign(9, 1.0F);
  data.bias.assign(1, 0.0F);
  EXPECT_EQ(run(shape, data, 0), (std::vector<float>{4, 6, 4, 6, 9, 6, 4, 6, 4}));
}

TEST(ConvForward, is_a_correlation) {
  const ConvShape shape{.ic = 1, .ih = 1, .iw = 4, .oc = 1, .kh = 1, .kw = 2};
  Data data(shape, Pattern::integers);
  data.src = {1, 2, 3, 4};
  data.wei = {10, 1};
  data.bias = {100};
  EXPECT_EQ(run(shape, data, 0), (std::vector<float>{112, 123, 134}));
}

TEST(ConvForward, floor_clips_from_below) {
  const ConvShape shape{.ic = 1, .ih = 1, .iw = 3, .oc = 1};
  Data data(shape, Pattern::integers);
  data.src = {-5, 0, 5};
  data.wei = {1};
  data.bias = {1};
  EXPECT_EQ(run(shape, data, -kInfinity), (std::vector<float>{-4, 1, 6}));
  EXPECT_EQ(run(shape, data, 0), (std::vector<float>{0, 1, 6}));
  EXPECT_EQ(run(shape, data, -2), (std::vector<float>{-2, 1, 6}));
}

TEST(ConvForward, passes_nan_through_relu) {
  const ConvShape shape{.ic = 1, .ih = 1, .iw = 2, .oc = 3};
  Data data(shape, Pattern::integers);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  data.src = {nan, -1};
  data.wei = {1, 1, 1};
  data.bias = {0, 0, 0};
  EXPECT_TRUE(all_equal(run(shape, data, 0), std::vector<float>{nan, nan, nan, 0, 0, 0}));
}

TEST(ConvForward, rejects_what_is_no_convolution) {
  EXPECT_THROW(ConvForward(default_kernels(), {.ih = 2, .iw = 2, .kh = 3, .kw = 3}), ShapeError);
}

}  // namespace
}  // namespace tilewise::simd
