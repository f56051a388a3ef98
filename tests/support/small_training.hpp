#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "tilewise/layers/batch_normalization.hpp"
#include "tilewise/layers/conv2d.hpp"
#include "tilewise/layers/dense.hpp"
#include "tilewise/layers/dropout.hpp"
#include "tilewise/layers/flatten.hpp"
#include "tilewise/layers/max_pool2d.hpp"
#include "tilewise/layers/model.hpp"
#include "tilewise/layers/relu.hpp"
#include "tilewise/layers/residual.hpp"
#include "tilewise/layers/sequential.hpp"
#include "tilewise/train/callback.hpp"
#include "tilewise/train/dataset.hpp"

namespace tilewise::testing {

/// Images of one bright quarter, the class, with some noise.
inline Dataset quarters(std::int64_t count, std::int64_t side = 8, int classes = 4) {
  const std::int64_t pixels = side * side;
  AlignedBuffer<std::uint8_t> images(count * pixels);
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t quarter = i * 5 % 7 % 4;
    for (std::int64_t p = 0; p < pixels; ++p) {
      const bool bright = p / side / (side / 2) * 2 + p % side / (side / 2) == quarter;
      images[i * pixels + p] = static_cast<std::uint8_t>((bright ? 120 : 0) + (i * 37 + p * 11) % 130);
    }
    labels.push_back(static_cast<std::int32_t>(quarter));
  }
  return Dataset({side, side, 1}, classes, std::move(images), std::move(labels));
}

/// A convolution, dropout and a dense layer.
inline Sequential small_convnet(std::int64_t side = 8, std::int64_t filters = 5, int classes = 4) {
  Sequential network({side, side, 1});
  network.add(Conv2D({.filters = filters, .kernel_size = 3, .activation = Activation::relu}))
      .add(MaxPool2D({.pool_size = 2}))
      .add(Flatten())
      .add(Dropout(0.25))
      .add(Dense({.units = classes, .activation = Activation::softmax}));
  return network;
}

/// The same with batch normalisation and a residual block.
inline Sequential small_resnet(std::int64_t side = 8, int classes = 4) {
  Sequential network({side, side, 1});
  network.add(Conv2D({.filters = 5, .strides = 2, .use_bias = false}))
      .add(BatchNormalization({.momentum = 0.8}))
      .add(ReLU());
  Sequential main(network.output_shape());
  main.add(Conv2D({.filters = 5, .padding = Padding::same, .use_bias = false}))
      .add(BatchNormalization({.momentum = 0.8}));
  network.add(Residual(main))
      .add(Flatten())
      .add(Dropout(0.25))
      .add(Dense({.units = classes, .activation = Activation::softmax}));
  return network;
}

/// The values of all parameters.
inline std::vector<float> weights_of(const Model& model) {
  std::vector<float> all;
  for (const Parameter& parameter : model.parameters()) {
    all.insert(all.end(), parameter.value(), parameter.value() + parameter.size());
  }
  return all;
}

/// Calls function(training, point) at each save point.
template <class OnSavePoint>
class AtSavePoint final : public Callback {
 public:
  explicit AtSavePoint(OnSavePoint function) : function_(std::move(function)) {}
  void on_train_begin(Training& training) override { training_ = &training; }
  void on_save_point(const SavePoint& point) override { function_(*training_, point); }

 private:
  OnSavePoint function_;
  Training* training_ = nullptr;
};

}  // namespace tilewise::testing
