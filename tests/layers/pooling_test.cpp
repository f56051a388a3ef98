// Average pooling, global and not, max-pooling's windows, and zero padding: shapes, values, and what is refused.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "support/error_matchers.hpp"
#include "support/tolerance.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/layers/average_pooling2d.hpp"
#include "tilewise/layers/global_average_pooling2d.hpp"
#include "tilewise/layers/max_pool2d.hpp"
#include "tilewise/layers/model.hpp"
#include "tilewise/layers/zero_padding2d.hpp"

namespace tilewise {
namespace {

using testing::all_equal;
using testing::throws_line;

/// What a layer makes of two images with the elements 1, 2, 3, ...: the second one's.
template <class L>
std::vector<float> apply(const L& layer, const Shape& input) {
  Sequential network(input);
  network.add(layer);
  Executor executor(1);
  Model model(network, executor, {.max_batch = 2});
  const auto image = model.input().subspan(static_cast<std::size_t>(input.elements()));
  std::iota(image.begin(), image.end(), 1.0F);
  const auto output = model.predict_batch(2);
  const auto size = static_cast<std::size_t>(network.output_shape().elements());
  return {output.begin() + static_cast<std::ptrdiff_t>(size), output.end()};
}

TEST(AveragePooling2DTest, HasKerasDefaults) {
  EXPECT_EQ(AveragePooling2D().output_shape({11, 8, 3}), (Shape{5, 4, 3}));
  EXPECT_EQ(AveragePooling2D({.padding = Padding::same}).output_shape({11, 8, 3}), (Shape{6, 4, 3}));
  EXPECT_EQ(AveragePooling2D({.pool_size = {3, 2}, .strides = 1}).output_shape({11, 8, 3}),
            (Shape{9, 7, 3}));
}

TEST(AveragePooling2DTest, Averages) {
  // Rows 1 2 3, 4 5 6, 7 8 9.
  EXPECT_TRUE(all_equal(apply(AveragePooling2D({.strides = 1}), {3, 3, 1}), std::vector<float>{3, 4, 6, 7}));
  EXPECT_TRUE(all_equal(apply(AveragePooling2D({.padding = Padding::same}), {3, 3, 1}),
                        std::vector<float>{3, 4.5F, 7.5F, 9}));
  EXPECT_TRUE(all_equal(apply(AveragePooling2D(), {2, 2, 2}), std::vector<float>{4, 5}));
}

TEST(GlobalAveragePooling2DTest, AveragesTheImage) {
  EXPECT_EQ(GlobalAveragePooling2D().output_shape({7, 5, 64}), (Shape{64}));
  EXPECT_TRUE(all_equal(apply(GlobalAveragePooling2D(), {3, 1, 2}), std::vector<float>{3, 4}));
  EXPECT_THAT([] { Sequential({12}).add(GlobalAveragePooling2D()); },
              throws_line<ShapeError>("global_average_pooling2d", "(height, width, channels)"));
}

TEST(MaxPool2DTest, RefusesWindowsWithMoreElementsThanPlaces) {
  EXPECT_EQ(MaxPool2D({.pool_size = 256}).output_shape({256, 512, 1}), (Shape{1, 2, 1}));
  EXPECT_THAT([] { Sequential({257, 256, 1}).add(MaxPool2D({.pool_size = {257, 256}})); },
              throws_line<ShapeError>("257 x 256", "2^16 elements"));
}

TEST(ZeroPadding2DTest, PutsZerosAround) {
  EXPECT_EQ(ZeroPadding2D().output_shape({4, 5, 3}), (Shape{6, 7, 3}));
  EXPECT_TRUE(all_equal(apply(ZeroPadding2D({.rows = {1, 0}, .columns = {0, 2}}), {2, 1, 2}),
                        std::vector<float>{0, 0, 0, 0, 0, 0,  //
                                           1, 2, 0, 0, 0, 0,  //
                                           3, 4, 0, 0, 0, 0}));
  EXPECT_TRUE(all_equal(apply(ZeroPadding2D({.rows = {0, 1}, .columns = {1, 0}}), {1, 2, 1}),
                        std::vector<float>{0, 1, 2,  //
                                           0, 0, 0}));
}

TEST(ZeroPadding2DTest, RefusesWhatDoesNotFit) {
  EXPECT_THAT([] { ZeroPadding2D({.rows = {0, -1}}); }, throws_line<ArgumentError>("padding -1"));
  EXPECT_THAT([] { Sequential({12}).add(ZeroPadding2D()); },
              throws_line<ShapeError>("zero_padding2d", "(height, width, channels)"));
}

}  // namespace
}  // namespace tilewise
