#include "tilewise/train/networks.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "tilewise/layers/batch_normalization.hpp"
#include "tilewise/layers/conv2d.hpp"
#include "tilewise/layers/dense.hpp"
#include "tilewise/layers/dropout.hpp"
#include "tilewise/layers/flatten.hpp"
#include "tilewise/layers/global_average_pooling2d.hpp"
#include "tilewise/layers/max_pool2d.hpp"
#include "tilewise/layers/relu.hpp"
#include "tilewise/layers/residual.hpp"

namespace tilewise {
namespace {

constexpr auto kRelu = Activation::relu;
constexpr auto kSoftmax = Activation::softmax;

constexpr NamedNetwork kNetworks[] = {
    {"keras", "Keras's MNIST convnet: 2 convolutions, dropout", mnist_convnet},
    {"lenet5", "LeNet-5 with ReLU and max-pooling", lenet5},
    {"mlp", "Keras's MNIST MLP: 2 dense layers of 512, dropout", mlp},
    {"bn_convnet", "3 convolutions with batch normalisation, small", bn_convnet},
    {"resnet8", "ResNet-8 of MLPerf Tiny: 3 residual blocks", resnet8},
    {"fast_convnet", "2 convolutions, pooled before normalisation, of --preset fast", fast_convnet},
    {"best_convnet", "4 convolutions, batch normalisation, of --preset best", best_convnet},
};

/// Of a block of resnet8.
Conv2DOptions resnet_conv(std::int64_t filters, const Extent2D& kernel_size, const Extent2D& strides) {
  return {.filters = filters,
          .kernel_size = kernel_size,
          .strides = strides,
          .padding = Padding::same,
          .kernel_initializer = Initializer::he_normal};
}

void add_residual_block(Sequential& network, std::int64_t filters, std::int64_t strides) {
  Sequential main(network.output_shape());
  main.set_name("main")
      .add(Conv2D(resnet_conv(filters, 3, strides)))
      .add(BatchNormalization())
      .add(ReLU())
      .add(Conv2D(resnet_conv(filters, 3, 1)))
      .add(BatchNormalization());
  std::optional<Sequential> shortcut;
  if (strides > 1) {
    shortcut.emplace(network.output_shape());
    shortcut->set_name("shortcut").add(Conv2D(resnet_conv(filters, 1, strides)));
  }
  network.add(Residual(std::move(main), std::move(shortcut))).add(ReLU());
}

/// Of fast_convnet and best_convnet.
Conv2DOptions unbiased_conv(std::int64_t filters, const Extent2D& kernel_size, Padding padding) {
  return {.filters = filters,
          .kernel_size = kernel_size,
          .padding = padding,
          .use_bias = false,
          .kernel_initializer = Initializer::he_normal};
}

/// Statistics of the last few dozen batches: these networks are trained for few steps.
void add_normalised_relu(Sequential& network) {
  network.add(BatchNormalization({.momentum = 0.9})).add(ReLU());
}

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

Sequential bn_convnet(const Shape& image_shape, int classes) {
  Sequential network(image_shape);
  network.set_name("bn_convnet");
  for (const std::int64_t filters : {16, 32, 32}) {
    if (filters > 16) network.add(MaxPool2D({.pool_size = 2}));
    network.add(Conv2D({.filters = filters, .padding = Padding::same, .use_bias = false}))
        .add(BatchNormalization())
        .add(ReLU());
  }
  network.add(GlobalAveragePooling2D()).add(Dense({.units = classes, .activation = kSoftmax}));
  return network;
}

Sequential resnet8(const Shape& image_shape, int classes) {
  Sequential network(image_shape);
  network.set_name("resnet8").add(Conv2D(resnet_conv(16, 3, 1))).add(BatchNormalization()).add(ReLU());
  add_residual_block(network, 16, 1);
  add_residual_block(network, 32, 2);
  add_residual_block(network, 64, 2);
  network.add(GlobalAveragePooling2D())
      .add(Dense({.units = classes,
                  .activation = kSoftmax,
                  .kernel_initializer = Initializer::he_normal}));
  return network;
}

Sequential fast_convnet(const Shape& image_shape, int classes) {
  Sequential network(image_shape);
  network.set_name("fast_convnet");
  for (const std::int64_t filters : {8, 24}) {
    network.add(Conv2D(unbiased_conv(filters, 5, Padding::valid))).add(MaxPool2D({.pool_size = 2}));
    add_normalised_relu(network);
  }
  network.add(Flatten())
      .add(Dense({.units = 128, .activation = kRelu}))
      .add(Dense({.units = classes, .activation = kSoftmax}));
  return network;
}

Sequential best_convnet(const Shape& image_shape, int classes) {
  Sequential network(image_shape);
  network.set_name("best_convnet");
  network.add(Conv2D(unbiased_conv(32, 5, Padding::valid))).add(MaxPool2D({.pool_size = 2}));
  add_normalised_relu(network);
  network.add(Conv2D(unbiased_conv(64, 3, Padding::same)));
  add_normalised_relu(network);
  network.add(Conv2D(unbiased_conv(64, 3, Padding::same))).add(MaxPool2D({.pool_size = 2}));
  add_normalised_relu(network);
  network.add(Conv2D(unbiased_conv(128, 3, Padding::valid)));
  add_normalised_relu(network);
  network.add(Flatten()).add(Dropout(0.3)).add(Dense({.units = classes, .activation = kSoftmax}));
  return network;
}

std::span<const NamedNetwork> named_networks() { return kNetworks; }

const NamedNetwork* find_network(std::string_view name) {
  const auto found = std::ranges::find(kNetworks, name, &NamedNetwork::name);
  return found == std::end(kNetworks) ? nullptr : &*found;
}

}  // namespace tilewise
