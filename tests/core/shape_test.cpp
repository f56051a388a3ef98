#include "tilewise/core/shape.hpp"

#include <gmock/gmock.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "tilewise/core/error.hpp"

namespace tilewise {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

/// The message of the ShapeError that `code` throws.
template <class Code>
std::string shape_error(Code code) {
  try {
    code();
  } catch (const ShapeError& error) {
    return error.what();
  }
  return "no ShapeError";
}

TEST(CheckedProduct, multiplies_what_fits) {
  EXPECT_EQ(checked_product(6, 7), 42);
  EXPECT_EQ(checked_product(0, kMost), 0);
  EXPECT_EQ(checked_product(kMost, 1), kMost);
  EXPECT_EQ(checked_product(std::int64_t{1} << 31, (std::int64_t{1} << 32) - 1),
            kMost - (std::int64_t{1} << 31) + 1);
}

TEST(CheckedProduct, throws_on_overflow_and_negative_sizes) {
  EXPECT_THROW(checked_product(kMost, 2), ShapeError);
  EXPECT_THROW(checked_product(std::int64_t{1} << 32, std::int64_t{1} << 31), ShapeError);
  EXPECT_THROW(checked_product(-1, 3), ShapeError);
  EXPECT_THROW(checked_product(3, -1), ShapeError);
  EXPECT_THROW(checked_product(-3, -1), ShapeError);
  EXPECT_THROW(checked_product(0, std::numeric_limits<std::int64_t>::min()), ShapeError);
}

TEST(CheckedProduct, names_both_factors) {
  EXPECT_EQ(shape_error([] { checked_product(4611686018427387904, 2); }),
            "size overflow: 4611686018427387904 x 2");
}

TEST(Shape, knows_rank_extents_and_elements) {
  const Shape shape{2, 28, 28, 3};
  EXPECT_EQ(shape.rank(), 4);
  EXPECT_EQ(shape[0], 2);
  EXPECT_EQ(shape[3], 3);
  EXPECT_THAT(shape.extents(), ElementsAre(2, 28, 28, 3));
  EXPECT_EQ(shape.elements(), 2 * 28 * 28 * 3);
}

TEST(Shape, of_rank_zero_has_one_element) {
  const Shape shape;
  EXPECT_EQ(shape.rank(), 0);
  EXPECT_EQ(shape.elements(), 1);
  EXPECT_THAT(shape.extents(), IsEmpty());
  EXPECT_EQ(shape.to_string(), "()");
}

TEST(Shape, may_be_empty) {
  EXPECT_EQ((Shape{0}).elements(), 0);
  EXPECT_EQ((Shape{3, 0, 5}).elements(), 0);
}

TEST(Shape, compares_extents) {
  EXPECT_EQ((Shape{2, 3}), (Shape{2, 3}));
  EXPECT_NE((Shape{2, 3}), (Shape{3, 2}));
  EXPECT_NE((Shape{2, 3}), (Shape{2, 3, 1}));
  EXPECT_NE((Shape{}), (Shape{1}));
  const std::vector<std::int64_t> extents{2, 3};
  EXPECT_EQ(Shape(extents), (Shape{2, 3}));
}

TEST(Shape, prints_as_a_tuple) {
  EXPECT_EQ((Shape{28, 28, 1}).to_string(), "(28, 28, 1)");
  EXPECT_EQ((Shape{10}).to_string(), "(10)");
}

TEST(Shape, prepends) {
  EXPECT_EQ((Shape{28, 28, 1}).prepend(128), (Shape{128, 28, 28, 1}));
  EXPECT_EQ(Shape{}.prepend(5), (Shape{5}));
  EXPECT_THROW((Shape{kMost}).prepend(2), ShapeError);
}

TEST(Shape, has_at_most_six_axes) {
  const Shape longest{1, 2, 3, 4, 5, 6};
  EXPECT_EQ(longest.elements(), 720);
  EXPECT_THAT(shape_error([] { Shape({1, 1, 1, 1, 1, 1, 1}); }), HasSubstr("rank 7"));
  EXPECT_THAT(shape_error([&] { longest.prepend(1); }), HasSubstr("at most 6"));
}

TEST(Shape, rejects_negative_and_overflowing_extents) {
  EXPECT_THAT(shape_error([] { Shape({3, -1}); }), HasSubstr("3 x -1"));
  EXPECT_THAT(shape_error([] { Shape({kMost, 2}); }), HasSubstr("overflow"));
  const std::int64_t extent = std::int64_t{1} << 21;
  EXPECT_NO_THROW(Shape({extent, extent, extent - 1}));
  EXPECT_THROW(Shape({extent, extent, extent}), ShapeError);
}

TEST(Error, types_nest_as_documented) {
  EXPECT_THROW(throw ShapeError("x"), ArgumentError);
  EXPECT_THROW(throw ArgumentError("x"), Error);
  EXPECT_THROW(throw FileError("x"), Error);
  EXPECT_THROW(throw DivergedError("x"), Error);
  EXPECT_THROW(throw Error("x"), std::runtime_error);
}

}  // namespace
}  // namespace tilewise
