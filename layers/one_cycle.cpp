#include "tilewise/layers/one_cycle.hpp"

#include <cmath>
#include <numbers>

#include "tilewise/layers/check_option.hpp"

namespace tilewise {
namespace {

/// Half a cosine from `begin` to `end`, `share` of the way.
double cosine_between(double begin, double end, double share) {
  return end + (begin - end) / 2 * (1 + std::cos(std::numbers::pi * share));
}

}  // namespace

OneCycle::OneCycle(const OneCycleOptions& options) : options_(options) {
  const auto check = [](bool valid, const char* option, double value, const char* expected) {
    check_option(valid, "OneCycle", option, value, expected);
  };
  check(options.max_learning_rate >= 0, "max_learning_rate", options.max_learning_rate, "at least 0");
  check(options.total_steps >= 1, "total_steps", static_cast<double>(options.total_steps), "at least 1");
  check(options.pct_start >= 0 && options.pct_start <= 1, "pct_start", options.pct_start, "in [0, 1]");
  check(options.div_factor > 0, "div_factor", options.div_factor, "positive");
  check(options.final_div_factor > 0, "final_div_factor", options.final_div_factor, "positive");
}

double OneCycle::learning_rate(std::int64_t step) const {
  const double max = options_.max_learning_rate;
  const double initial = max / options_.div_factor;
  const double last = initial / options_.final_div_factor;
  const auto steps = static_cast<double>(options_.total_steps);
  const double top = options_.pct_start * steps - 1;
  const double end = steps - 1;
  const auto at = static_cast<double>(step);
  if (at >= end) return options_.pct_start < 1 ? last : max;
  if (at <= top) return cosine_between(initial, max, top > 0 ? at / top : 1);
  return cosine_between(max, last, (at - top) / (end - top));
}

}  // namespace tilewise
