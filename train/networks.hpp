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

/// Three 3x3 convolutions of 16, 32 and 32 channels without bias, each with batch normalisation and ReLU, 2x2
/// max-pooling between them, and a dense softmax over the means of all pixels. Small: 14,618 parameters for
/// (28, 28, 1) and 10 classes, 160 of them moving statistics.
Sequential bn_convnet(const Shape& image_shape = {28, 28, 1}, int classes = 10);

/// The ResNet-8 of MLPerf Tiny for CIFAR-10 (C. Banbury et al., arXiv:2106.07597; resnet_v1_eembc in its
/// keras_model.py): a 3x3 convolution of 16 channels and three residual blocks of 16, 32 and 64, the last two
/// of which halve the image, with batch normalisation and ReLU; the mean of all pixels and a dense softmax.
/// Kernels start as he_normal; its L2 regularizer is ModelOptions'. 78,666 parameters for (32, 32, 3) and 10
/// classes.
Sequential resnet8(const Shape& image_shape = {32, 32, 3}, int classes = 10);

/// Two 5x5 convolutions of 8 and 24 channels without bias, each with 2x2 max-pooling and behind it batch
/// normalisation and ReLU, on a quarter of the pixels; a dense layer of 128 units and a softmax. For `tilewise
/// train --preset fast`. 55,698 parameters for (28, 28, 1) and 10 classes.
Sequential fast_convnet(const Shape& image_shape = {28, 28, 1}, int classes = 10);

/// Convolutions without bias of 32 (5x5), 64, 64 and 128 channels (3x3), each with batch normalisation and ReLU,
/// the first and the third with 2x2 max-pooling before these, on a quarter of the pixels; dropout of 0.3 and a
/// softmax. For `tilewise train --preset best`. 151,466 parameters for (28, 28, 1) and 10 classes.
Sequential best_convnet(const Shape& image_shape = {28, 28, 1}, int classes = 10);

/// A network under its name.
struct NamedNetwork {
  std::string_view name;
  std::string_view description;
  Sequential (*make)(const Shape& image_shape, int classes);
};

/// All of the above.
std::span<const NamedNetwork> named_networks();

/// The network of that name; null if there is none.
const NamedNetwork* find_network(std::string_view name);

}  // namespace tilewise
