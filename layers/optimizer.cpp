#include "tilewise/layers/optimizer.hpp"

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
  allocate_state(parameters);
  steps_ = 0;
  attached_ = true;
}

void Optimizer::begin_step() {
  ++steps_;
  compute_factors();
}

}  // namespace tilewise
