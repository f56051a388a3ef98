#include "tilewise/train/networks.hpp"

#include <algorithm>

#include "tilewise/layers/conv2d.hpp"
#include "tilewise/layers/dense.hpp"
#include "tilewise/layers/dropout.hpp"
#include "tilewise/layers/flatten.hpp"
#include "tilewise/layers/max_pool2d.hpp"

namespace tilewise {
namespace {

constexpr auto kRelu = Activation::relu;
constexpr auto kSoftmax = Activation::softmax;

constexpr Preset kPresets[] = {
    {"keras", "Keras's MNIST convnet: 2 convolutions, dropout", mnist_convnet},
    {"lenet5", "LeNet-5 with ReLU and max-pooling", lenet5},
    {"mlp", "Keras's MNIST MLP: 2 dense layers of 512, dropout", mlp},
};

}  // namespace

Sequential mnist_convnet(const Shape& image_shape, int classes) {
  Sequential network(image_shape);
  network.set_name("mnist_convnet")
      .add(Conv2D({.filters = 32, .kernel_size = 3, .activation = kRelu}))
      .add(MaxPool2D({.pool_size = 2}))
      .add(Conv2D({.filters = 64, .kernel_size = 3, .activation = kRelu}))
      .add(MaxPool2D({.pool_size = 2}))
      .add(Flatten())
      .add(Dropout(0.5))
      .add(Dense({.units = classes, .activation = kSoftmax}));
  return network;
}

Sequential lenet5(const Shape& image_shape, int classes) {
  Sequential network(image_shape);
  network.set_name("lenet5")
      .add(Conv2D({.filters = 6, .kernel_size = 5, .padding = Padding::same, .activation = kRelu}))
      .add(MaxPool2D({.pool_size = 2}))
      .add(Conv2D({.filters = 16, .kernel_size = 5, .activation = kRelu}))
      .add(MaxPool2D({.pool_size = 2}))
      .add(Flatten())
      .add(Dense({.units = 120, .activation = kRelu}))
      .add(Dense({.units = 84, .activation = kRelu}))
      .add(Dense({.units = classes, .activation = kSoftmax}));
  return network;
}

Sequential mlp(const Shape& image_shape, int classes) {
  Sequential network(image_shape);
  network.set_name("mlp")
      .add(Flatten())
      .add(Dense({.units = 512, .activation = kRelu}))
      .add(Dropout(0.2))
      .add(Dense({.units = 512, .activation = kRelu}))
      .add(Dropout(0.2))
      .add(Dense({.units = classes, .activation = kSoftmax}));
  return network;
}

std::span<const Preset> presets() { return kPresets; }

const Preset* find_preset(std::string_view name) {
  const auto found = std::ranges::find(kPresets, name, &Preset::name);
  return found == std::end(kPresets) ? nullptr : &*found;
}

}  // namespace tilewise
