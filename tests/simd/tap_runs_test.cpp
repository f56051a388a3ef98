#include "tilewise/simd/tap_runs.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "simd/conv_cases.hpp"

namespace tilewise::simd {
namespace {

TEST(TapRuns, of_same_padding_have_short_ones_at_the_edges) {
  const ConvShape shape{.ih = 6, .iw = 1, .kh = 3, .kw = 1, .pad_top = 1, .pad_bottom = 1};
  EXPECT_EQ(forward_rows(shape).runs,
            (std::vector<TapRun>{{0, 1, 1, 2, 0}, {1, 4, 0, 3, 0}, {5, 1, 0, 2, 4}}));
  EXPECT_EQ(forward_columns(shape).runs, (std::vector<TapRun>{{0, 1, 0, 1, 0}}));
}

TEST(TapRuns, of_nothing_but_padding_have_no_taps) {
  const ConvShape shape{.iw = 1, .kw = 1, .pad_left = 2, .pad_right = 1};
  EXPECT_EQ(forward_columns(shape).runs,
            (std::vector<TapRun>{{0, 2, 0, 0, 0}, {2, 1, 0, 1, 0}, {3, 1, 0, 0, 0}}));
}

TEST(TapRuns, of_backward_data_turn_the_filter_around) {
  const ConvShape shape{.iw = 5, .kw = 3};
  const TapAxis axis = backward_data_columns(shape);
  EXPECT_EQ(axis.taps, (std::vector<std::int64_t>{2, 1, 0}));
  EXPECT_EQ(axis.runs, (std::vector<TapRun>{
                           {0, 1, 2, 1, 0}, {1, 1, 1, 2, 0}, {2, 1, 0, 3, 0}, {3, 1, 0, 2, 1}, {4, 1, 0, 1, 2}}));
}

TEST(TapRuns, of_backward_data_are_of_one_phase_of_the_stride) {
  const ConvShape shape{.iw = 8, .kw = 3, .stride_w = 2, .pad_left = 1, .pad_right = 1};  // four outputs
  const TapAxis axis = backward_data_columns(shape);
  EXPECT_EQ(axis.taps, (std::vector<std::int64_t>{2, 0, 1}));
  EXPECT_EQ(axis.runs, (std::vector<TapRun>{{0, 4, 2, 1, 0}, {1, 3, 0, 2, 0}, {7, 1, 0, 1, 3}}));
}

/// For each output the inputs that its window sees, by taps.
using Windows = std::map<std::int64_t, std::set<std::pair<std::int64_t, std::int64_t>>>;

/// Each output must be in one run only.
Windows windows_of(const TapAxis& axis) {
  Windows windows;
  for (const TapRun& run : axis.runs) {
    EXPECT_GT(run.outputs, 0);
    for (std::int64_t i = 0; i < run.outputs; ++i) {
      const auto [window, is_new] = windows.emplace(run.first + i * axis.output_step, Windows::mapped_type());
      EXPECT_TRUE(is_new);
      for (std::int64_t t = 0; t < run.taps; ++t) {
        window->second.emplace(axis.taps[static_cast<std::size_t>(run.first_tap + t)],
                               run.first_input + i * axis.input_step + t * axis.tap_step);
      }
    }
  }
  return windows;
}

TEST(TapRuns, have_every_tap_inside_the_image_and_no_other) {
  for (const ConvShape& s : testing::awkward_convolutions()) {
    SCOPED_TRACE(s.to_string());
    Windows forward, backward;
    for (std::int64_t iw = 0; iw < s.iw; ++iw) backward[iw];
    for (std::int64_t ow = 0; ow < s.ow(); ++ow) {
      forward[ow];
      for (std::int64_t kw = 0; kw < s.kw; ++kw) {
        const std::int64_t iw = ow * s.stride_w + kw * s.dilation_w - s.pad_left;
        if (iw < 0 || iw >= s.iw) continue;
        forward[ow].emplace(kw, iw);
        backward[iw].emplace(kw, ow);
      }
    }
    ASSERT_EQ(windows_of(forward_columns(s)), forward);
    ASSERT_EQ(windows_of(backward_data_columns(s)), backward);
  }
}

}  // namespace
}  // namespace tilewise::simd
