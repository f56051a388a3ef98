#include "tilewise/train/weights_copy.hpp"

#include <algorithm>
#include <utility>

namespace tilewise {
namespace {

Tensor copy(const float* values, const Shape& shape) {
  Tensor tensor(shape);
  std::copy_n(values, tensor.size(), tensor.data());
  return tensor;
}

std::string tensor_name(const std::string& prefix, const Parameter& parameter) {
  return prefix + "/" + parameter.name();
}

}  // namespace

WeightsCopy::WeightsCopy(const Model& model) {
  for (const Parameter& parameter : model.parameters()) {
    tensors_.push_back(copy(parameter.value(), parameter.shape()));
  }
}

void WeightsCopy::copy_from(const Model& model) {
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    std::copy_n(model.parameters()[i].value(), tensors_[i].size(), tensors_[i].data());
  }
}

void WeightsCopy::copy_to(Model& model) const {
  model.edit_parameters([&](std::span<Parameter> parameters) {
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      std::copy_n(tensors_[i].data(), tensors_[i].size(), parameters[i].value());
    }
  });
}

void WeightsCopy::swap_with(Model& model) {
  model.edit_parameters([&](std::span<Parameter> parameters) {
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      std::ranges::swap_ranges(tensors_[i].span(),
                               std::span(parameters[i].value(), tensors_[i].span().size()));
    }
  });
}

void WeightsCopy::save(const Model& model, const std::string& prefix, CallbackState& state) const {
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    state.tensors.emplace(tensor_name(prefix, model.parameters()[i]),
                          copy(tensors_[i].data(), tensors_[i].shape()));
  }
}

void WeightsCopy::restore(const Model& model, const std::string& prefix, const CallbackState& state) {
  std::vector<Tensor> tensors;
  for (const Parameter& parameter : model.parameters()) {
    tensors.push_back(copy(state.tensor(tensor_name(prefix, parameter), parameter.shape()).data(),
                           parameter.shape()));
  }
  tensors_ = std::move(tensors);
}

}  // namespace tilewise
