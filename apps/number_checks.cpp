#include "apps/number_checks.hpp"

#include <fmt/core.h>

#include <cmath>
#include <cstdint>

#include "tilewise/layers/check_option.hpp"

namespace tilewise::app {
namespace {

template <class Accepts>
CLI::Validator number(const char* expected, Accepts accepts) {
  return {[expected, accepts](std::string& text) {
            double value = 0;
            const bool good = CLI::detail::lexical_cast(text, value) && std::isfinite(value) && accepts(value);
            return good ? std::string() : fmt::format("{}, expected a number {}", text, expected);
          },
          ""};
}

}  // namespace

CLI::Validator from_zero() {
  return number("from 0", [](double x) { return x >= 0; });
}
CLI::Validator above_zero() {
  return number("above 0 that a float holds", is_divisor);
}
CLI::Validator zero_to_one() {
  return number("from 0 to 1", [](double x) { return x >= 0 && x <= 1; });
}
CLI::Validator below_one() {
  return number("from 0 to below 1", is_decay);
}
CLI::Validator inside_zero_to_one() {
  return number("above 0 and below 1", [](double x) { return x > 0 && x < 1; });
}
CLI::Validator number_of_epochs() {
  return number("of epochs, above 0 and at most 1000000", [](double x) { return x > 0 && x <= 1e6; });
}
CLI::Validator whole_number() {
  return {[](std::string& text) {
            std::uint64_t value = 0;  // CLI11 takes -1 for the largest of them
            const bool good = text.find('-') == std::string::npos && CLI::detail::lexical_cast(text, value);
            return good ? std::string() : fmt::format("{}, expected a whole number from 0 to 2^64 - 1", text);
          },
          ""};
}

}  // namespace tilewise::app
