#include "tilewise/simd/tap_runs.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <vector>

#include "simd/conv_cases.hpp"

namespace tilewise::simd {
namespace {

TEST(TapRuns, of_same_padding_have_short_ones_at_the_edges) {
  const ConvShape shape{.ih = 6, .iw = 1, .kh = 3, .kw = 1, .pad_top = 1, .pad_bottom = 1};
  EXPECT_EQ(row_tap_runs(shape), (std::vector<TapRun>{{0, 1, 1, 3}, {1, 5, 0, 3}, {5, 6, 0, 2}}));
  EXPECT_EQ(column_tap_runs(shape), (std::vector<TapRun>{{0, 1, 0, 1}}));
}

TEST(TapRuns, of_nothing_but_padding_have_no_taps) {
  const ConvShape shape{.iw = 1, .kw = 1, .pad_left = 2, .pad_right = 1};
  EXPECT_EQ(column_tap_runs(shape), (std::vector<TapRun>{{0, 2, 0, 0}, {2, 3, 0, 1}, {3, 4, 0, 0}}));
}

TEST(TapRuns, have_every_tap_inside_the_image_and_no_other) {
  for (const ConvShape& s : testing::awkward_convolutions()) {
    SCOPED_TRACE(s.to_string());
    std::int64_t next = 0;
    for (const TapRun& run : column_tap_runs(s)) {
      ASSERT_EQ(run.first, next);
      ASSERT_LT(run.first, run.end);
      next = run.end;
      for (std::int64_t ow = run.first; ow < run.end; ++ow) {
        std::set<std::int64_t> inside, found;
        for (std::int64_t kw = 0; kw < s.kw; ++kw) {
          const std::int64_t iw = ow * s.stride_w + kw * s.dilation_w - s.pad_left;
          if (iw >= 0 && iw < s.iw) inside.insert(kw);
        }
        for (std::int64_t kw = run.first_tap; kw < run.end_tap; ++kw) found.insert(kw);
        ASSERT_EQ(found, inside) << "column " << ow;
      }
    }
    ASSERT_EQ(next, s.ow());
  }
}

}  // namespace
}  // namespace tilewise::simd
