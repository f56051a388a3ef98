#include "tilewise/layers/exponential_decay.hpp"

#include <cmath>

#include "tilewise/layers/check_option.hpp"

namespace tilewise {

ExponentialDecay::ExponentialDecay(const ExponentialDecayOptions& options) : options_(options) {
  const auto check = [](bool valid, const char* option, double value, const char* expected) {
    check_option(valid, "ExponentialDecay", option, value, expected);
  };
  check(options.initial_learning_rate >= 0, "initial_learning_rate", options.initial_learning_rate,
        "at least 0");
  check(options.decay_steps >= 1, "decay_steps", static_cast<double>(options.decay_steps), "at least 1");
  check(options.decay_rate > 0, "decay_rate", options.decay_rate, "positive");
}

double ExponentialDecay::learning_rate(std::int64_t step) const {
  double periods = static_cast<double>(step) / static_cast<double>(options_.decay_steps);
  if (options_.staircase) periods = std::floor(periods);
  return options_.initial_learning_rate * std::pow(options_.decay_rate, periods);
}

}  // namespace tilewise
