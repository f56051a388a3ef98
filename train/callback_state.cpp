#include "tilewise/train/callback_state.hpp"

#include <cmath>
#include <limits>

#include "tilewise/core/error.hpp"

namespace tilewise {

double CallbackState::number(const std::string& name) const {
  const auto found = numbers.find(name);
  if (found == numbers.end()) throw ArgumentError("a callback's state has no number \"" + name + "\"");
  return found->second;
}

int CallbackState::integer(const std::string& name) const {
  const double value = number(name);
  if (!(std::abs(value) <= std::numeric_limits<int>::max()) || value != std::trunc(value)) {
    throw ArgumentError("a callback's state: \"" + name + "\" is " + std::to_string(value) +
                        ", expected an integer");
  }
  return static_cast<int>(value);
}

const Tensor& CallbackState::tensor(const std::string& name, const Shape& shape) const {
  const auto found = tensors.find(name);
  if (found == tensors.end()) throw ArgumentError("a callback's state has no tensor \"" + name + "\"");
  if (found->second.shape() != shape) {
    throw ArgumentError("a callback's state: tensor \"" + name + "\" has shape " +
                        found->second.shape().to_string() + ", expected " + shape.to_string());
  }
  return found->second;
}

}  // namespace tilewise
