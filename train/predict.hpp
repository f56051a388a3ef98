#pragma once

#include <cstdint>
#include <vector>

#include "tilewise/core/tensor.hpp"
#include "tilewise/layers/model.hpp"
#include "tilewise/train/dataset.hpp"

namespace tilewise {

/// What a model says of one labelled image.
struct Prediction {
  std::int32_t label = 0;
  std::int32_t predicted = 0;  ///< the class with the largest output, the first of equal ones
  double probability = 0;      ///< of that class
  double loss = 0;             ///< categorical cross-entropy: -log(probability of the label)
};

/// The probabilities of the classes for every image of `data`, (data.size(), model.classes()), without
/// dropout: the network's output if it ends in a softmax, else the softmax of its output.
/// Throws ArgumentError when the images do not suit the model.
Tensor predict(Model& model, const DatasetView& data);

/// What the model says of every image, beside its label. Throws ArgumentError when the images or the
/// labels do not suit the model.
std::vector<Prediction> predict_labelled(Model& model, const DatasetView& data);

}  // namespace tilewise
