#pragma once

#include <charconv>
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

/// Whether `value` is one that averages can be multiplied by in each step: from 0 to below 1, also as a float.
inline bool is_decay(double value) { return value >= 0 && static_cast<float>(value) < 1; }

/// As many digits as tell the value from others: "1.5", "1e-40".
inline std::string shortest_text(double value) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof(digits), value).ptr};
}

/// Throws ArgumentError, "SGD: momentum 1 is not in [0, 1)", unless `valid`.
inline void check_option(bool valid, std::string_view owner, std::string_view option, double value,
                         std::string_view expected) {
  if (valid) return;
  std::string message(owner);
  message.append(": ").append(option).append(" ").append(shortest_text(value));
  throw ArgumentError(message.append(" is not ").append(expected));
}

}  // namespace tilewise
