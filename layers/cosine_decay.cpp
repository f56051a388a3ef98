#include "tilewise/layers/cosine_decay.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tilewise/layers/check_option.hpp"

namespace tilewise {

CosineDecay::CosineDecay(const CosineDecayOptions& options) : options_(options) {
  const auto check = [](bool valid, const char* option, double value, const char* expected) {
    check_option(valid, "CosineDecay", option, value, expected);
  };
  check(options.initial_learning_rate >= 0, "initial_learning_rate", options.initial_learning_rate,
        "at least 0");
  check(options.decay_steps >= 1, "decay_steps", static_cast<double>(options.decay_steps), "at least 1");
  check(options.alpha >= 0 && options.alpha <= 1, "alpha", options.alpha, "in [0, 1]");
  check(options.warmup_steps >= 0, "warmup_steps", static_cast<double>(options.warmup_steps), "at least 0");
  const double target = options.warmup_target.value_or(0);
  check(target >= 0, "warmup_target", target, "at least 0");
}

double CosineDecay::learning_rate(std::int64_t step) const {
  const double initial = options_.initial_learning_rate;
  const double top = options_.warmup_target.value_or(initial);
  const std::int64_t warmup_steps = options_.warmup_target ? options_.warmup_steps : 0;
  if (step < warmup_steps) {
    return initial + (top - initial) * static_cast<double>(step) / static_cast<double>(warmup_steps);
  }
  const std::int64_t t = std::min(step - warmup_steps, options_.decay_steps);
  const double share = static_cast<double>(t) / static_cast<double>(options_.decay_steps);
  const double cosine = (1 + std::cos(std::numbers::pi * share)) / 2;
  return top * ((1 - options_.alpha) * cosine + options_.alpha);
}

}  // namespace tilewise
