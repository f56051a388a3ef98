#include "tilewise/train/predict.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "support/error_matchers.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/core/parallel.hpp"
#include "tilewise/layers/dense.hpp"
#include "tilewise/layers/dropout.hpp"
#include "tilewise/layers/flatten.hpp"
#include "tilewise/train/fit.hpp"

namespace tilewise {
namespace {

using testing::throws_line;

Dataset some_images(std::int64_t count) {
  AlignedBuffer<std::uint8_t> images(count * 6);
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < images.size(); ++i) images[i] = static_cast<std::uint8_t>(i * 37 % 251);
  for (std::int64_t i = 0; i < count; ++i) labels.push_back(static_cast<std::int32_t>(i % 4));
  return Dataset(Shape{2, 3, 1}, 4, std::move(images), std::move(labels));
}

Sequential network(Activation last) {
  Sequential network({2, 3, 1});
  network.add(Flatten()).add(Dropout(0.5)).add(Dense({.units = 5, .activation = last}));
  return network;
}

// The definition, in double, from the weights; with more images than a batch takes.
TEST(PredictTest, IsTheSoftmaxOfTheLogits) {
  const Dataset data = some_images(11);
  Executor executor(2);
  for (const Activation last : {Activation::softmax, Activation::linear}) {
    Model model(network(last), executor, {.max_batch = 4, .seed = 1});
    const float* kernel = model.parameters()[0].value();
    const float* bias = model.parameters()[1].value();
    const Tensor probabilities = predict(model, data);
    const std::vector<Prediction> predictions = predict_labelled(model, data);
    ASSERT_EQ(probabilities.shape(), (Shape{11, 5}));
    ASSERT_EQ(predictions.size(), 11U);
    for (std::int64_t i = 0; i < data.size(); ++i) {
      std::vector<double> expected;
      double sum = 0;
      for (int unit = 0; unit < 5; ++unit) {
        double logit = bias[unit];
        for (int k = 0; k < 6; ++k) logit += data.image(i)[k] / 255.0 * kernel[k * 5 + unit];
        expected.push_back(std::exp(logit));
        sum += expected.back();
      }
      // Sums of six products below one: well within 1e-5.
      for (double& value : expected) value /= sum;
      const auto most = std::max_element(expected.begin(), expected.end());
      for (int unit = 0; unit < 5; ++unit) {
        EXPECT_NEAR(probabilities[i * 5 + unit], expected[static_cast<std::size_t>(unit)], 1e-5);
      }
      const Prediction& prediction = predictions[static_cast<std::size_t>(i)];
      EXPECT_EQ(prediction.label, data.label(i));
      EXPECT_EQ(prediction.predicted, most - expected.begin());
      EXPECT_NEAR(prediction.probability, *most, 1e-5);
      EXPECT_NEAR(prediction.loss, -std::log(expected[static_cast<std::size_t>(data.label(i))]), 1e-5);
    }
  }
}

TEST(PredictTest, AgreesWithEvaluate) {
  const Dataset data = some_images(23);
  Executor executor(2);
  Model model(network(Activation::softmax), executor, {.max_batch = 8, .seed = 2});
  const Metrics metrics = evaluate(model, data);
  double loss = 0;
  double correct = 0;
  for (const Prediction& prediction : predict_labelled(model, data)) {
    loss += prediction.loss / 23;
    correct += prediction.predicted == prediction.label ? 1 : 0;
  }
  EXPECT_NEAR(loss, metrics.loss, 1e-6);
  EXPECT_DOUBLE_EQ(correct / 23, metrics.accuracy);
}

// Logits whose exponentials neither float nor double can hold.
TEST(PredictTest, ExtremeLogits) {
  const Dataset data = some_images(3);
  Executor executor(1);
  Model model(network(Activation::softmax), executor, {.max_batch = 3});
  model.edit_parameters([](std::span<Parameter> parameters) {
    std::fill_n(parameters[0].value(), parameters[0].size(), 0.0F);
    for (int unit = 0; unit < 5; ++unit) {
      parameters[1].value()[unit] = unit == 2 ? 5000.0F : -5000.0F;
    }
  });
  const Tensor probabilities = predict(model, data);
  EXPECT_EQ(probabilities[2], 1.0F);
  EXPECT_EQ(probabilities[0], 0.0F);
  EXPECT_EQ(predict_labelled(model, data)[0].loss, 10000.0);
}

TEST(PredictTest, RefusesOtherData) {
  const Dataset data(Shape{3, 2, 1}, 4, AlignedBuffer<std::uint8_t>(6), {0});
  const Dataset classes(Shape{2, 3, 1}, 6, AlignedBuffer<std::uint8_t>(6), {0});
  Executor executor(1);
  Model model(network(Activation::softmax), executor, {.max_batch = 3});
  EXPECT_THAT([&] { predict(model, data); },
              throws_line<ArgumentError>("(3, 2, 1)", "the network takes (2, 3, 1)"));
  EXPECT_THAT([&] { predict_labelled(model, classes); },
              throws_line<ArgumentError>("data of 6 classes, but the network has 5"));
}

}  // namespace
}  // namespace tilewise
