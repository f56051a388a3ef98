#pragma once

#include <limits>
#include <string>
#include <string_view>

#include "tilewise/core/error.hpp"

namespace tilewise {

/// Whether `value` is one that floats can be divided by: positive and finite, as a float, and not so small that it
/// is flushed to zero.
inline bool is_divisor(double value) {
  return value >= std::numeric_limits<float>::min() && value <= std::numeric_limits<float>::max();
}

/// Throws ArgumentError, "SGD: momentum 1.000000 is not in [0, 1)", unless `valid`.
inline void check_option(bool valid, std::string_view owner, std::string_view option, double value,
                         std::string_view expected) {
  if (valid) return;
  std::string message(owner);
  message.append(": ").append(option).append(" ").append(std::to_string(value));
  throw ArgumentError(message.append(" is not ").append(expected));
}

}  // namespace tilewise
