#pragma once

#include <span>
#include <string>
#include <string_view>

#include "tilewise/layers/sequential.hpp"

namespace tilewise {

// Networks that everybody knows, for images of any shape and any number of classes; each ends in a
// softmax over the classes. They throw ShapeError, naming the layer, when images are too small, and
// ArgumentError when there is no class.

/// The Keras example "Simple MNIST convnet" (keras.io/examples/vision/mnist_convnet): two 3x3
/// convolutions of 32 and 64 channels with ReLU, each followed by 2x2 max-pooling, dropout of one
/// half, and a dense softmax over the classes. 34,826 parameters for (28, 28, 1) and 10 classes.
Sequential mnist_convnet(const Shape& image_shape = {28, 28, 1}, int classes = 10);

/// LeNet-5 (Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
/// recognition", Proc. IEEE 86, 1998, section II.B) as it is used now: its layers and sizes, but with
/// ReLU instead of tanh, max-pooling instead of averages with weights, every map of the second
/// convolution connected to all of the first, and a softmax instead of radial basis functions. The first
/// convolution pads, as the paper does by putting 28x28 digits into 32x32 images. 61,706 parameters for
/// (28, 28, 1) and 10 classes.
Sequential lenet5(const Shape& image_shape = {28, 28, 1}, int classes = 10);

/// The Keras example "mnist_mlp" (examples/mnist_mlp.py in Keras 2.3): two dense layers of 512 units with
/// ReLU, each followed by dropout of a fifth. 669,706 parameters for (28, 28, 1) and 10 classes.
Sequential mlp(const Shape& image_shape = {28, 28, 1}, int classes = 10);

/// A network under its name.
struct Preset {
  std::string_view name;
  std::string_view description;
  Sequential (*make)(const Shape& image_shape, int classes);
};

/// keras, lenet5 and mlp.
std::span<const Preset> presets();

/// The preset of that name; null if there is none.
const Preset* find_preset(std::string_view name);

}  // namespace tilewise
