#include "tilewise/layers/step_decay.hpp"

#include <cmath>

#include "tilewise/layers/check_option.hpp"

namespace tilewise {

StepDecay::StepDecay(const StepDecayOptions& options) : options_(options) {
  const auto check = [](bool valid, const char* option, double value, const char* expected) {
    check_option(valid, "StepDecay", option, value, expected);
  };
  check(options.initial_learning_rate >= 0, "initial_learning_rate", options.initial_learning_rate,
        "at least 0");
  check(options.decay_steps >= 1, "decay_steps", static_cast<double>(options.decay_steps), "at least 1");
  check(options.gamma >= 0, "gamma", options.gamma, "at least 0");
}

double StepDecay::learning_rate(std::int64_t step) const {
  const std::int64_t drops = step / options_.decay_steps;
  return options_.initial_learning_rate * std::pow(options_.gamma, static_cast<double>(drops));
}

}  // namespace tilewise
