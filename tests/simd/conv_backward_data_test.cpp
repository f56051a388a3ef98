#include "tilewise/simd/conv_backward_data.hpp"

#include <gtest/gtest.h>

#include <cstdint>
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

struct Data {
  Data(const ConvShape& shape, Pattern pattern)
      : d_dst(random_values(shape.dst_size(), 1, pattern)),
        wei(random_values(shape.wei_size(), 2, pattern)) {}

  std::vector<float> d_dst, wei;
};

/// The kernel's output, from guarded arrays of just the sizes it asks for.
std::vector<float> run(const ConvShape& shape, const Data& data,
                       ConvAlgorithm algorithm = ConvAlgorithm::direct) {
  const ConvBackwardData conv(default_kernels(), shape, algorithm);
  const GuardedArray<float> d_dst(data.d_dst);
  const GuardedArray<float> wei(data.wei);
  GuardedArray<float> packed(conv.packed_floats());
  GuardedArray<float> d_src(shape.src_size());
  conv.pack(wei.data(), packed.data());
  const std::vector<float> packed_before(packed.span().begin(), packed.span().end());
  GuardedArray<float> scratch(conv.scratch_floats());
  conv.images(1, d_dst.data(), packed.data(), d_src.data(),
              Workspace(scratch.data(), conv.scratch_floats()));
  EXPECT_TRUE(scratch.intact());
  EXPECT_TRUE(d_dst.intact() && wei.intact() && packed.intact() && d_src.intact());
  EXPECT_TRUE(same_bits(d_dst.span(), data.d_dst));
  EXPECT_TRUE(same_bits(packed.span(), packed_before));
  return {d_src.span().begin(), d_src.span().end()};
}

std::vector<double> expected(const ConvShape& shape, const std::vector<double>& d_dst,
                             const std::vector<double>& wei) {
  std::vector<double> d_src(static_cast<std::size_t>(shape.src_size()));
  reference::conv_backward_data(shape, d_dst.data(), wei.data(), d_src.data());
  return d_src;
}

TEST(ConvBackwardData, matches_the_reference) {
  for (const ConvShape& shape : testing::awkward_convolutions()) {
    SCOPED_TRACE(shape.to_string());
    const Data exact(shape, Pattern::integers);
    for (const ConvAlgorithm algorithm : {ConvAlgorithm::direct, ConvAlgorithm::winograd_2x2}) {
      ASSERT_TRUE(all_equal(run(shape, exact, algorithm),
                            expected(shape, widen(exact.d_dst), widen(exact.wei))));
    }
    const Data real(shape, Pattern::uniform);
    // At most kh * kw * oc products.
    const auto bounds =
        testing::bounds(static_cast<double>(shape.kh * shape.kw * shape.oc),
                        expected(shape, magnitudes(real.d_dst), magnitudes(real.wei)));
    ASSERT_TRUE(
        all_near(run(shape, real), expected(shape, widen(real.d_dst), widen(real.wei)), bounds));
  }
}

TEST(ConvBackwardData, of_ones_counts_the_windows_that_see_a_pixel) {
  const ConvShape shape{.ic = 1, .ih = 4, .iw = 4, .oc = 1, .kh = 3, .kw = 3};
  Data data(shape, Pattern::integers);
  data.d_dst.assign(4, 1.0F);
  data.wei.assign(9, 1.0F);
  EXPECT_EQ(run(shape, data), (std::vector<float>{1, 2, 2, 1, 2, 4, 4, 2, 2, 4, 4, 2, 1, 2, 2, 1}));
}

TEST(ConvBackwardData, leaves_pixels_that_no_window_sees_at_zero) {
  const ConvShape shape{.ic = 1, .ih = 1, .iw = 5, .oc = 1, .kh = 1, .kw = 1, .stride_w = 3};
  Data data(shape, Pattern::integers);
  data.d_dst = {2, 3};
  data.wei = {10};
  EXPECT_EQ(run(shape, data), (std::vector<float>{20, 0, 0, 30, 0}));
}

TEST(ConvSpread, rejects_taps_that_are_not_side_by_side) {
  EXPECT_THROW(ConvSpread(default_kernels(), {.ih = 9, .iw = 9, .kh = 3, .kw = 3, .dilation_w = 2}), ArgumentError);
}

TEST(ConvBackwardData, rejects_what_is_no_convolution) {
  EXPECT_THROW(ConvBackwardData(default_kernels(), {.ih = 2, .iw = 2, .kh = 3, .kw = 3}),
               ShapeError);
}

}  // namespace
}  // namespace tilewise::simd
