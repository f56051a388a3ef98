#include "tilewise/train/divergence.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include "tilewise/core/error.hpp"

namespace tilewise {
namespace {

std::string kind(double value) { return std::isnan(value) ? "not a number" : "infinite"; }

/// The first value that is not finite; 0 if all are.
double first_not_finite(const float* values, std::int64_t size) {
  const float* const end = values + size;
  const float* const found = std::find_if(values, end, [](float v) { return !std::isfinite(v); });
  return found == end ? 0.0 : static_cast<double>(*found);
}

}  // namespace

void throw_diverged(const std::string& what, double value, const std::string& where,
                    const Model& model) {
  std::string text = "training diverged: " + what + " is " + kind(value) + " " + where;
  for (const Parameter& parameter : model.parameters()) {
    const double weight = first_not_finite(parameter.value(), parameter.size());
    if (weight == 0) continue;
    text += "; of the weights, " + parameter.name() + " is the first that is not finite";
    // What the step under way left there.
    if (parameter.gradient_slots() > 0) {
      const bool finite = first_not_finite(parameter.gradient(), parameter.size()) == 0;
      text += finite ? ", though its gradient is" : ", nor is its gradient";
    }
    break;
  }
  throw DivergedError(text);
}

void check_finite(const Model& model, const std::string& where) {
  for (const Parameter& parameter : model.parameters()) {
    const double weight = first_not_finite(parameter.value(), parameter.size());
    if (weight != 0) {
      throw DivergedError("training diverged: " + parameter.name() + " is " + kind(weight) + " " + where);
    }
  }
}

}  // namespace tilewise
