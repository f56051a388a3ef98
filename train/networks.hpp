#pragma once

#include "tilewise/layers/sequential.hpp"

namespace tilewise {

/// The Keras example "Simple MNIST convnet" (keras.io/examples/vision/mnist_convnet): two 3x3
/// convolutions of 32 and 64 channels with ReLU, each followed by 2x2 max-pooling, dropout of one
/// half, and a dense softmax over the classes. 34,826 parameters for (28, 28, 1) and 10 classes.
Sequential mnist_convnet(const Shape& image_shape = {28, 28, 1}, int classes = 10);

}  // namespace tilewise
