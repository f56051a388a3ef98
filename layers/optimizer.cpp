#include "tilewise/layers/optimizer.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "tilewise/core/error.hpp"
#include "tilewise/layers/check_option.hpp"

namespace tilewise {

Optimizer::Optimizer(double learning_rate, const CommonOptimizerOptions& options) : options_(options) {
  set_learning_rate(learning_rate);
  check_option(std::isfinite(options.weight_decay) && options.weight_decay >= 0, "optimizer",
               "weight_decay", options.weight_decay, "a non-negative number");
  int limits = 0;
  for (const auto& limit : {options.clipping.value, options.clipping.norm, options.clipping.global_norm}) {
    if (!limit) continue;
    ++limits;
    check_option(std::isfinite(*limit) && *limit > 0, "optimizer", "clipping limit", *limit,
                 "a positive number");
  }
  if (limits > 1) {
    throw ArgumentError("optimizer: clipping by " + std::to_string(limits) +
                        " limits, expected at most one");
  }
}

void Optimizer::set_learning_rate(double rate) {
  if (!std::isfinite(rate) || rate < 0) {
    throw ArgumentError("learning rate " + shortest_text(rate) + " is not a non-negative number");
  }
  learning_rate_ = rate;
}

void Optimizer::attach(std::span<const Parameter> parameters) {
  if (steps_ == 0) {
    sizes_.clear();
    is_decayed_.clear();
    for (const Parameter& parameter : parameters) {
      sizes_.push_back(parameter.size());
      is_decayed_.push_back(contains(options_.decayed, parameter));
    }
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
