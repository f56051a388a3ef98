#include "tilewise/train/networks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/error_matchers.hpp"
#include "tilewise/core/error.hpp"

namespace tilewise {
namespace {

using testing::throws_line;

TEST(NetworksTest, HaveTheParametersOfTheOriginals) {
  EXPECT_EQ(mnist_convnet().parameter_count(), 34'826);
  EXPECT_EQ(lenet5().parameter_count(), 61'706);
  EXPECT_EQ(mlp().parameter_count(), 669'706);
  EXPECT_EQ(bn_convnet().parameter_count(), 14'618);
  EXPECT_EQ(bn_convnet().trainable_count(), 14'618 - 160);
  EXPECT_EQ(resnet8().parameter_count(), 78'666);
  EXPECT_EQ(fast_convnet().parameter_count(), 55'698);
  EXPECT_EQ(best_convnet().parameter_count(), 151'466);
}

TEST(NetworksTest, TakeAnyShapeAndNumberOfClasses) {
  ASSERT_EQ(named_networks().size(), 7U);
  for (const NamedNetwork& named : named_networks()) {
    EXPECT_EQ(find_network(named.name), &named);
    for (const Shape& shape : {Shape{28, 28, 1}, Shape{32, 32, 3}, Shape{17, 40, 2}}) {
      const Sequential network = named.make(shape, 13);
      EXPECT_EQ(network.input_shape(), shape);
      EXPECT_EQ(network.output_shape(), Shape{13});
    }
    EXPECT_THAT([&] { named.make({28, 28, 1}, 0); }, throws_line<ArgumentError>("units 0"));
  }
  EXPECT_EQ(find_network("alexnet"), nullptr);
}

TEST(NetworksTest, ImagesThatAreTooSmall) {
  EXPECT_EQ(mnist_convnet({10, 10, 1}).output_shape(), Shape{10});
  EXPECT_THAT([] { mnist_convnet({9, 10, 1}); },
              throws_line<ShapeError>("layer max_pooling2d_1: a window of 2 does not fit in 1"));
  EXPECT_EQ(lenet5({12, 12, 1}).output_shape(), Shape{10});
  EXPECT_THAT([] { lenet5({12, 11, 1}); },
              throws_line<ShapeError>("layer max_pooling2d_1: a window of 2 does not fit in 1"));
  EXPECT_EQ(mlp({1, 1, 1}).output_shape(), Shape{10});
  EXPECT_EQ(bn_convnet({4, 4, 1}).output_shape(), Shape{10});
  EXPECT_THAT([] { bn_convnet({4, 3, 1}); },
              throws_line<ShapeError>("layer max_pooling2d_1: a window of 2 does not fit in 1"));
  EXPECT_EQ(resnet8({1, 1, 1}).output_shape(), Shape{10});
}

}  // namespace
}  // namespace tilewise
