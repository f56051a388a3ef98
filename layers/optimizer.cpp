#include "tilewise/layers/optimizer.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "tilewise/core/error.hpp"

namespace tilewise {

void Optimizer::set_learning_rate(double rate) {
  if (!std::isfinite(rate) || rate < 0) {
    throw ArgumentError("learning rate " + std::to_string(rate) + " is not a non-negative number");
  }
  learning_rate_ = rate;
}

void Optimizer::attach(std::span<const Parameter> parameters) {
  if (steps_ == 0) {
    sizes_.clear();
    for (const Parameter& parameter : parameters) sizes_.push_back(parameter.size());
    allocate_state(parameters);
  } else if (!std::ranges::equal(parameters, sizes_, {}, &Parameter::size)) {
    throw ArgumentError("an optimizer that has trained one network cannot go on with another");
  }
}

std::vector<Tensor> Optimizer::zeros_like(std::span<const Parameter> parameters) {
  std::vector<Tensor> tensors;
  for (const Parameter& parameter : parameters) {
    tensors.push_back(parameter.trainable() ? Tensor(parameter.shape()) : Tensor());
  }
  return tensors;
}

void Optimizer::begin_step() {
  ++steps_;
  compute_factors();
}

}  // namespace tilewise
