#include "tilewise/train/networks.hpp"

#include "tilewise/layers/conv2d.hpp"
#include "tilewise/layers/dense.hpp"
#include "tilewise/layers/dropout.hpp"
#include "tilewise/layers/flatten.hpp"
#include "tilewise/layers/max_pool2d.hpp"

namespace tilewise {

Sequential mnist_convnet(const Shape& image_shape, int classes) {
  Sequential network(image_shape);
  network.add(Conv2D({.filters = 32, .kernel_size = 3, .activation = Activation::relu}));
  network.add(MaxPool2D({.pool_size = 2}));
  network.add(Conv2D({.filters = 64, .kernel_size = 3, .activation = Activation::relu}));
  network.add(MaxPool2D({.pool_size = 2}));
  network.add(Flatten());
  network.add(Dropout(0.5));
  network.add(Dense({.units = classes, .activation = Activation::softmax}));
  return network;
}

}  // namespace tilewise
