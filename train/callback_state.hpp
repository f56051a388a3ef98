#pragma once

#include <map>
#include <string>

#include "tilewise/core/tensor.hpp"

namespace tilewise {

/// What a callback remembers from step to step, under names of its own. A checkpoint keeps every bit.
struct CallbackState {
  std::map<std::string, double> numbers;
  std::map<std::string, Tensor> tensors;

  // A state comes from a file: these throw ArgumentError when there is no such number, no integer, or no
  // tensor of this shape.
  double number(const std::string& name) const;
  int integer(const std::string& name) const;
  const Tensor& tensor(const std::string& name, const Shape& shape) const;
};

}  // namespace tilewise
