#include "tilewise/simd/conv_shape.hpp"

#include <gmock/gmock.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "simd/conv_cases.hpp"
#include "support/guarded_array.hpp"
#include "support/random_data.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/simd/conv_padding.hpp"

namespace tilewise::simd {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string error_of(const ConvShape& shape) {
  try {
    shape.check();
  } catch (const ShapeError& error) {
    return error.what();
  }
  return "no ShapeError";
}

TEST(ConvShape, sizes_follow_from_the_geometry) {
  const ConvShape shape{.ic = 3, .ih = 10, .iw = 12, .oc = 5, .kh = 3, .kw = 2, .stride_h = 2,
                        .stride_w = 3, .pad_top = 1, .pad_left = 2, .pad_bottom = 3,
                        .pad_right = 4, .dilation_h = 2, .dilation_w = 3};
  EXPECT_EQ(shape.padded_h(), 14);
  EXPECT_EQ(shape.padded_w(), 18);
  EXPECT_EQ(shape.oh(), 5);  // rows 0, 2, ..., 8 of 14 - 5 + 1 = 10
  EXPECT_EQ(shape.ow(), 5);  // columns 0, 3, ..., 12 of 18 - 4 + 1 = 15
  EXPECT_TRUE(shape.padded());
  EXPECT_EQ(shape.src_size(), 3 * 10 * 12);
  EXPECT_EQ(shape.dst_size(), 5 * 5 * 5);
  EXPECT_EQ(shape.wei_size(), 3 * 2 * 3 * 5);
  EXPECT_EQ(shape.multiply_adds(), 125.0 * 18);
  EXPECT_NO_THROW(shape.check());
}

TEST(ConvShape, prints_what_is_not_plain) {
  const ConvShape plain{.ic = 32, .ih = 13, .iw = 13, .oc = 64, .kh = 3, .kw = 3};
  EXPECT_EQ(plain.to_string(), "ic32ih13iw13oc64oh11ow11kh3kw3");
  ConvShape rich = plain;
  rich.stride_h = 2;
  rich.pad_left = 1;
  rich.dilation_w = 2;
  EXPECT_EQ(rich.to_string(),
            "ic32ih13iw13oc64oh6ow10kh3kw3sh2sw1pt0pl1pb0pr0dh1dw2");
}

TEST(ConvShape, awkward_shapes_are_valid) {
  for (const ConvShape& shape : testing::awkward_convolutions()) {
    EXPECT_EQ(error_of(shape), "no ShapeError") << shape.to_string();
  }
}

TEST(ConvShape, check_rejects_extents_below_one) {
  const ConvShape good{.ic = 2, .ih = 5, .iw = 5, .oc = 2, .kh = 3, .kw = 3};
  for (std::int64_t ConvShape::*extent :
       {&ConvShape::ic, &ConvShape::ih, &ConvShape::iw, &ConvShape::oc, &ConvShape::kh,
        &ConvShape::kw, &ConvShape::stride_h, &ConvShape::stride_w, &ConvShape::dilation_h,
        &ConvShape::dilation_w}) {
    for (const std::int64_t value : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1} << 31,
                                     std::numeric_limits<std::int64_t>::max(),
                                     std::numeric_limits<std::int64_t>::min()}) {
      ConvShape bad = good;
      bad.*extent = value;
      const std::string error = error_of(bad);
      EXPECT_THAT(error, StartsWith("convolution ic"));
      EXPECT_THAT(error, HasSubstr("extents must be from 1 to 2^31 - 1"));
    }
  }
}

TEST(ConvShape, check_rejects_padding_out_of_range) {
  for (std::int64_t ConvShape::*pad : {&ConvShape::pad_top, &ConvShape::pad_left,
                                       &ConvShape::pad_bottom, &ConvShape::pad_right}) {
    for (const std::int64_t value : {std::int64_t{-5}, std::int64_t{1} << 31,
                                     std::numeric_limits<std::int64_t>::min(),
                                     std::numeric_limits<std::int64_t>::max()}) {
      ConvShape bad{.ih = 5, .iw = 5};
      bad.*pad = value;
      EXPECT_THAT(error_of(bad), HasSubstr("padding must be from 0 to 2^31 - 1"));
    }
  }
  EXPECT_NE(error_of({.ih = 5, .iw = 5, .pad_top = -1}), "no ShapeError");
  EXPECT_NE(error_of({.ih = 5, .iw = 5, .pad_left = -1}), "no ShapeError");
}

TEST(ConvShape, negative_padding_leaves_the_end_of_the_image) {
  const ConvShape shape{.ih = 7, .iw = 9, .kh = 3, .kw = 3, .pad_bottom = -1, .pad_right = -4};
  EXPECT_EQ(error_of(shape), "no ShapeError");
  EXPECT_EQ(shape.oh(), 4);
  EXPECT_EQ(shape.ow(), 3);
  EXPECT_FALSE(shape.padded());
  EXPECT_EQ(shape.stored_h(), 7);
  EXPECT_EQ(shape.stored_w(), 9);
}

TEST(ConvShape, check_rejects_windows_larger_than_the_padded_image) {
  EXPECT_EQ(error_of({.ih = 5, .iw = 5, .kh = 5, .kw = 5}), "no ShapeError");
  EXPECT_THAT(error_of({.ih = 5, .iw = 5, .kh = 6, .kw = 5}), HasSubstr("larger than the padded"));
  EXPECT_THAT(error_of({.ih = 5, .iw = 5, .kh = 5, .kw = 6}), HasSubstr("larger than the padded"));
  EXPECT_EQ(error_of({.ih = 5, .iw = 5, .kh = 6, .kw = 5, .pad_top = 1}), "no ShapeError");
  EXPECT_EQ(error_of({.ih = 5, .iw = 5, .kh = 3, .kw = 3, .dilation_h = 2}), "no ShapeError");
  EXPECT_THAT(error_of({.ih = 5, .iw = 5, .kh = 3, .kw = 3, .dilation_h = 3}),
              HasSubstr("larger than the padded"));
}

TEST(ConvShape, check_rejects_sizes_that_overflow) {
  constexpr std::int64_t kMost = (std::int64_t{1} << 31) - 1;
  EXPECT_THAT(error_of({.ic = kMost, .ih = kMost, .iw = kMost}), HasSubstr("overflow"));
  EXPECT_THAT(error_of({.ih = kMost, .iw = kMost, .oc = kMost}), HasSubstr("overflow"));
  EXPECT_THAT(error_of({.ic = kMost, .ih = 2, .iw = 2, .oc = kMost, .kh = 2, .kw = 2}),
              HasSubstr("overflow"));
}

TEST(ConvShape, joins_the_rows_of_plain_1x1_convolutions) {
  const ConvShape joined = ConvShape{.ic = 3, .ih = 5, .iw = 7, .oc = 2}.joined();
  EXPECT_EQ(joined.ih, 1);
  EXPECT_EQ(joined.iw, 35);
  EXPECT_EQ(joined.oh(), 1);
  EXPECT_EQ(joined.ow(), 35);
  EXPECT_EQ(joined.ic, 3);
  EXPECT_EQ(joined.oc, 2);
  EXPECT_THROW((ConvShape{.ic = 0}.joined()), ShapeError);
}

TEST(ConvShape, joins_nothing_else) {
  const std::vector<ConvShape> shapes{
      {.ih = 5, .iw = 7, .kh = 2},       {.ih = 5, .iw = 7, .kw = 2},
      {.ih = 5, .iw = 7, .stride_h = 2}, {.ih = 5, .iw = 7, .stride_w = 2},
      {.ih = 5, .iw = 7, .pad_top = 1},  {.ih = 5, .iw = 7, .pad_right = 1},
      {.ih = 5, .iw = 7, .pad_right = -1}, {.ih = 5, .iw = 7, .pad_top = 1, .pad_bottom = -1},
  };
  for (const ConvShape& shape : shapes) {
    EXPECT_EQ(shape.joined().ih, 5) << shape.to_string();
    EXPECT_EQ(shape.joined().iw, 7) << shape.to_string();
  }
}

TEST(ConvPadding, surrounds_the_image_with_zeros) {
  for (const ConvShape& shape : testing::awkward_convolutions()) {
    SCOPED_TRACE(shape.to_string());
    const testing::GuardedArray<float> src(testing::random_values(shape.src_size(), 1));
    // All rows of the output, and a band in its middle.
    const std::int64_t middle = shape.oh() / 2;
    for (const auto& [first, rows] : {std::pair{std::int64_t{0}, shape.oh()}, std::pair{middle, std::int64_t{1}}}) {
      testing::GuardedArray<float> memory(padded_rows_floats(shape, rows));
      Workspace scratch(memory.data(), padded_rows_floats(shape, rows));
      const float* padded = padded_rows(shape, src.data(), first, rows, scratch);
      ASSERT_TRUE(memory.intact());
      if (!shape.padded()) {
        ASSERT_EQ(padded, src.data() + first * shape.stride_h * shape.iw * shape.ic);
        continue;
      }
      const std::int64_t seen = (rows - 1) * shape.stride_h + (shape.kh - 1) * shape.dilation_h + 1;
      for (std::int64_t h = 0; h < seen; ++h) {
        for (std::int64_t w = 0; w < shape.stored_w(); ++w) {
          for (std::int64_t c = 0; c < shape.ic; ++c) {
            const std::int64_t ih = first * shape.stride_h + h - shape.pad_top;
            const std::int64_t iw = w - shape.pad_left;
            const bool inside = ih >= 0 && ih < shape.ih && iw >= 0 && iw < shape.iw;
            const float expected =
                inside ? src.data()[(ih * shape.iw + iw) * shape.ic + c] : 0.0F;
            ASSERT_EQ(padded[(h * shape.stored_w() + w) * shape.ic + c], expected);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace tilewise::simd
