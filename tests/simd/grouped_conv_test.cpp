// Grouped and depthwise convolutions against a dense one whose other filters are zero.

#include "tilewise/simd/grouped_conv.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "simd/conv_cases.hpp"
#include "support/error_matchers.hpp"
#include "support/guarded_array.hpp"
#include "support/random_data.hpp"
#include "support/reference.hpp"
#include "support/tested_kernels.hpp"
#include "support/tolerance.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/simd/depthwise_conv.hpp"

namespace tilewise::simd {
namespace {

using testing::all_equal;
using testing::all_near;
using testing::GuardedArray;
using testing::magnitudes;
using testing::Pattern;
using testing::random_values;
using testing::throws_line;
using testing::widen;

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

ConvShape with_channels(ConvShape shape, std::int64_t ic, std::int64_t oc) {
  shape.ic = ic;
  shape.oc = oc;
  return shape;
}

struct Data {
  Data(const ConvShape& shape, std::int64_t groups, Pattern pattern)
      : src(random_values(shape.src_size(), 1, pattern)),
        wei(random_values(shape.wei_size() / groups, 2, pattern)),
        bias(random_values(shape.oc, 3, pattern)),
        d_dst(random_values(shape.dst_size(), 4, pattern)),
        d_wei(random_values(shape.wei_size() / groups, 5, pattern)) {}

  Floats src, wei, bias, d_dst;
  Floats d_wei;  ///< what is there before
};

/// All that the three passes compute.
template <class T>
struct Results {
  std::vector<T> dst, d_src, d_wei;
};

using Widen = Doubles (*)(std::span<const float>);

/// By the dense reference, in double, of the values or of their magnitudes.
Results<double> reference_results(const ConvShape& s, std::int64_t groups, const Data& data, Widen to_double,
                                  double floor) {
  const Doubles src = to_double(data.src), wei = to_double(data.wei), bias = to_double(data.bias),
                d_dst = to_double(data.d_dst);
  const Doubles dense = reference::dense_filters(s, groups, wei);
  Doubles d_dense(dense.size());
  // Where each of the filters' elements is among the dense ones.
  Doubles numbers(wei.size());
  std::iota(numbers.begin(), numbers.end(), 1.0);
  const Doubles places = reference::dense_filters(s, groups, numbers);
  Results<double> results{Doubles(d_dst.size()), Doubles(src.size()), to_double(data.d_wei)};
  reference::conv_forward(s, src.data(), dense.data(), bias.data(), floor, results.dst.data());
  reference::conv_backward_data(s, d_dst.data(), dense.data(), results.d_src.data());
  reference::conv_backward_weights(s, src.data(), d_dst.data(), d_dense.data());
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (places[i] > 0) results.d_wei[static_cast<std::size_t>(places[i]) - 1] += d_dense[i];
  }
  return results;
}

/// Compares what `run(data, floor)` computes, from integers exactly.
template <class Run>
void check(const ConvShape& s, std::int64_t groups, Run run) {
  SCOPED_TRACE(s.to_string() + ", groups " + std::to_string(groups));
  constexpr float kNone = -std::numeric_limits<float>::infinity();
  for (const float floor : {kNone, 0.0F}) {
    const Data exact(s, groups, Pattern::integers);
    const Results<float> actual = run(exact, floor);
    const Results<double> expected = reference_results(s, groups, exact, widen, floor);
    ASSERT_TRUE(all_equal(actual.dst, expected.dst));
    ASSERT_TRUE(all_equal(actual.d_src, expected.d_src));
    ASSERT_TRUE(all_equal(actual.d_wei, expected.d_wei));
  }
  const Data real(s, groups, Pattern::uniform);
  const Results<float> actual = run(real, kNone);
  const Results<double> expected = reference_results(s, groups, real, widen, kNone);
  const Results<double> scale = reference_results(s, groups, real, magnitudes, kNone);
  const auto taps = static_cast<double>(s.kh * s.kw);
  const auto near = [](const Floats& a, const Doubles& e, double roundings, const Doubles& m) {
    return all_near(a, e, testing::bounds(roundings, m));
  };
  ASSERT_TRUE(near(actual.dst, expected.dst, taps * static_cast<double>(s.ic / groups) + 1, scale.dst));
  ASSERT_TRUE(near(actual.d_src, expected.d_src, taps * static_cast<double>(s.oc / groups) + 1, scale.d_src));
  ASSERT_TRUE(near(actual.d_wei, expected.d_wei, static_cast<double>(s.oh() * s.ow()) + 1, scale.d_wei));
}

Floats values(const GuardedArray<float>& array) {
  EXPECT_TRUE(array.intact());
  return {array.span().begin(), array.span().end()};
}

/// From guarded arrays of just the sizes that are asked for. In ways that are exact for integers.
Results<float> run_grouped(const ConvShape& s, std::int64_t groups, const Data& data, float floor) {
  const GroupedConv conv(default_kernels(), s, groups, ConvAlgorithm::winograd_2x2);
  const GuardedArray<float> src(data.src), wei(data.wei), bias(data.bias), d_dst(data.d_dst);
  GuardedArray<float> packed(conv.packed_forward_floats()), transposed(conv.packed_backward_floats());
  GuardedArray<float> dst(s.dst_size()), d_src(s.src_size()), d_wei(conv.wei_size());
  GuardedArray<float> memory(conv.scratch_floats());
  const Workspace scratch(memory.data(), conv.scratch_floats());
  conv.pack_forward(wei.data(), packed.data(), scratch);
  conv.pack_backward(wei.data(), transposed.data(), scratch);
  conv.forward(src.data(), packed.data(), bias.data(), floor, dst.data(), scratch);
  conv.backward_data(d_dst.data(), transposed.data(), d_src.data(), scratch);
  // What is there before is in the grouped order, too.
  std::fill(d_wei.span().begin(), d_wei.span().end(), 0.0F);
  conv.backward_weights(src.data(), d_dst.data(), d_wei.data(), scratch);
  conv.ungroup(d_wei.data(), scratch);
  EXPECT_TRUE(memory.intact() && src.intact() && wei.intact() && bias.intact() && d_dst.intact());
  Results<float> results{values(dst), values(d_src), values(d_wei)};
  for (std::size_t i = 0; i < results.d_wei.size(); ++i) results.d_wei[i] += data.d_wei[i];
  return results;
}

Results<float> run_depthwise(const ConvShape& s, const Data& data, float floor) {
  const DepthwiseConv conv(default_kernels(), s, s.oc / s.ic);
  const GuardedArray<float> src(data.src), wei(data.wei), bias(data.bias), d_dst(data.d_dst);
  GuardedArray<float> dst(s.dst_size()), d_src(s.src_size()), d_wei(data.d_wei);
  GuardedArray<float> memory(conv.scratch_floats());
  const Workspace scratch(memory.data(), conv.scratch_floats());
  conv.forward(src.data(), wei.data(), bias.data(), floor, dst.data(), scratch);
  conv.backward_data(d_dst.data(), wei.data(), d_src.data(), scratch);
  conv.backward_weights(src.data(), d_dst.data(), d_wei.data(), scratch);
  EXPECT_TRUE(memory.intact() && src.intact() && wei.intact() && bias.intact() && d_dst.intact());
  return {values(dst), values(d_src), values(d_wei)};
}

/// Every window and padding of the list once, not every number of channels.
std::vector<ConvShape> awkward_windows() {
  std::vector<ConvShape> shapes;
  for (ConvShape shape : testing::awkward_convolutions()) {
    shape = with_channels(shape, 1, 1);
    const std::string text = shape.to_string();
    const bool is_new = std::ranges::none_of(
        shapes, [&](const ConvShape& other) { return other.to_string() == text; });
    if (is_new) shapes.push_back(shape);
  }
  return shapes;
}

TEST(GroupedConv, matches_the_reference) {
  for (const ConvShape& window : awkward_windows()) {
    const ConvShape s = with_channels(window, 6, 10);
    check(s, 2, [&](const Data& data, float floor) { return run_grouped(s, 2, data, floor); });
  }
  const ConvShape window{.ih = 5, .iw = 6, .kh = 3, .kw = 3, .pad_left = 1, .pad_right = 1};
  for (const std::int64_t groups : {1, 3, 16, 33}) {
    for (const std::int64_t of_group : {1, 2, 17}) {
      const ConvShape s = with_channels(window, groups * of_group, groups * 3);
      check(s, groups, [&](const Data& data, float floor) { return run_grouped(s, groups, data, floor); });
    }
  }
}

TEST(GroupedConv, rejects_channels_that_do_not_divide) {
  const auto make = [](std::int64_t ic, std::int64_t oc, std::int64_t groups) {
    GroupedConv(default_kernels(), {.ic = ic, .ih = 4, .iw = 4, .oc = oc}, groups);
  };
  EXPECT_THAT([&] { make(6, 8, 4); }, throws_line<ShapeError>("ic6", "4 equal groups"));
  EXPECT_THAT([&] { make(8, 6, 4); }, throws_line<ShapeError>("oc6", "4 equal groups"));
  EXPECT_THAT([&] { make(8, 6, 0); }, throws_line<ShapeError>("0 equal groups"));
}

TILEWISE_TESTS_KERNEL(depthwise);
TILEWISE_TESTS_KERNEL(depthwise_weights);

TEST(DepthwiseConv, matches_the_reference) {
  for (const ConvShape& window : awkward_windows()) {
    const ConvShape s = with_channels(window, 5, 5);
    check(s, 5, [&](const Data& data, float floor) { return run_depthwise(s, data, floor); });
  }
  // Around whole vectors of channels; several filters a channel; 5x5 windows, whose taps go in groups.
  for (const std::int64_t channels : {1, 3, 4, 7, 8, 15, 16, 17, 33}) {
    for (const std::int64_t multiplier : {1, 2, 3}) {
      for (const ConvShape& window :
           {ConvShape{.ih = 6, .iw = 12, .kh = 3, .kw = 3, .pad_top = 1, .pad_left = 1, .pad_bottom = 1,
                      .pad_right = 1},
            ConvShape{.ih = 7, .iw = 9, .kh = 5, .kw = 5, .stride_h = 2, .stride_w = 2, .pad_top = 1,
                      .pad_left = 2, .pad_bottom = 2, .pad_right = 2}}) {
        const ConvShape s = with_channels(window, channels, channels * multiplier);
        check(s, channels, [&](const Data& data, float floor) { return run_depthwise(s, data, floor); });
      }
    }
  }
}

TEST(DepthwiseConv, keeps_nan) {
  const ConvShape s{.ic = 3, .ih = 3, .iw = 3, .oc = 3, .kh = 2, .kw = 2};
  const DepthwiseConv conv(default_kernels(), s, 1);
  Floats src(27, 1.0F), wei(12, 1.0F), dst(12);
  const Floats bias(3, 0.0F);
  src[1] = std::numeric_limits<float>::quiet_NaN();
  conv.forward(src.data(), wei.data(), bias.data(), 0, dst.data(), {});
  EXPECT_TRUE(std::isnan(dst[1]));
  EXPECT_EQ(dst[0], 4);
  EXPECT_EQ(dst[4], 4);
}

TEST(DepthwiseConv, rejects_channels_that_do_not_fit) {
  EXPECT_THAT([] { DepthwiseConv(default_kernels(), {.ic = 3, .ih = 4, .iw = 4, .oc = 7}, 2); },
              throws_line<ShapeError>("ic3", "oc7", "2 output channels"));
}

}  // namespace
}  // namespace tilewise::simd
