#include "tilewise/train/predict.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <string>

#include "tilewise/core/error.hpp"
#include "tilewise/train/batch_reader.hpp"

namespace tilewise {
namespace {

/// Calls visit(label, logits) for every image, in the order of `data`.
template <class Visit>
void for_each_image(Model& model, const DatasetView& data, Visit visit) {
  if (data.image_shape() != model.network().input_shape()) {
    throw ArgumentError("images of shape " + data.image_shape().to_string() +
                        ", but the network takes " + model.network().input_shape().to_string());
  }
  const auto classes = static_cast<std::size_t>(model.classes());
  BatchReader reader(data, model.max_batch());
  for (std::int64_t batch = 0; batch < reader.batches(); ++batch) {
    const auto labels = reader.load(model, batch);
    const auto logits = model.predict_logits(static_cast<std::int64_t>(labels.size()));
    for (std::size_t i = 0; i < labels.size(); ++i) {
      visit(labels[i], logits.subspan(i * classes, classes));
    }
  }
}

std::size_t largest(std::span<const float> logits) {
  return static_cast<std::size_t>(std::ranges::max_element(logits) - logits.begin());
}

/// log(sum of exp(logits)), of numbers whose exponentials may be too large.
double log_sum_exp(std::span<const float> logits) {
  const auto most = static_cast<double>(logits[largest(logits)]);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - most);
  return most + std::log(sum);
}

}  // namespace

Tensor predict(Model& model, const DatasetView& data) {
  Tensor probabilities(Shape{data.size(), model.classes()});
  float* next = probabilities.data();
  for_each_image(model, data, [&](std::int32_t, std::span<const float> logits) {
    const double log_sum = log_sum_exp(logits);
    for (const float logit : logits) {
      *next++ = static_cast<float>(std::exp(static_cast<double>(logit) - log_sum));
    }
  });
  return probabilities;
}

std::vector<Prediction> predict_labelled(Model& model, const DatasetView& data) {
  if (data.classes() > model.classes()) {
    throw ArgumentError("data of " + std::to_string(data.classes()) +
                        " classes, but the network has " + std::to_string(model.classes()));
  }
  std::vector<Prediction> predictions;
  predictions.reserve(static_cast<std::size_t>(data.size()));
  for_each_image(model, data, [&](std::int32_t label, std::span<const float> logits) {
    const std::size_t predicted = largest(logits);
    const double log_sum = log_sum_exp(logits);
    const auto log_probability = [&](std::size_t i) { return static_cast<double>(logits[i]) - log_sum; };
    predictions.push_back({.label = label,
                           .predicted = static_cast<std::int32_t>(predicted),
                           .probability = std::exp(log_probability(predicted)),
                           .loss = -log_probability(static_cast<std::size_t>(label))});
  });
  return predictions;
}

}  // namespace tilewise
