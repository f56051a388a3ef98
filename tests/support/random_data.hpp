#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <span>
#include <type_traits>
#include <vector>

namespace tilewise::testing {

/// What test data look like.
enum class Pattern {
  uniform,   ///< multiples of 2^-23 in [-1, 1)
  integers,  ///< -3 .. 3: sums of fewer than a million products are exact in float, in any order
  spread,    ///< both signs, magnitudes from 2^-8 to 2^8
};

/// Fills `values` with numbers that depend on `seed` and the pattern alone. (The generator's output
/// is fixed by the C++ standard; that of the standard's distributions is not.)
template <class T>
void fill_random(std::span<T> values, std::uint32_t seed, Pattern pattern = Pattern::uniform) {
  std::mt19937 generator(seed);
  const auto uniform = [&] { return static_cast<T>(generator() >> 8) * T(0x1p-23) - 1; };
  for (T& value : values) {
    switch (pattern) {
      case Pattern::uniform: value = uniform(); break;
      case Pattern::integers: value = static_cast<T>(static_cast<int>(generator() % 7) - 3); break;
      case Pattern::spread: {
        const int exponent = static_cast<int>(generator() % 16) - 8;
        value = std::ldexp(1 + std::abs(uniform()), exponent) * (generator() % 2 == 0 ? 1 : -1);
        break;
      }
    }
  }
}

template <class T = float>
std::vector<T> random_values(std::int64_t size, std::uint32_t seed,
                             Pattern pattern = Pattern::uniform) {
  std::vector<T> values(static_cast<std::size_t>(size));
  fill_random(std::span<T>(values), seed, pattern);
  return values;
}

/// The same values in double, for a reference.
inline std::vector<double> widen(std::span<const float> values) {
  return {values.begin(), values.end()};
}

/// Their absolute values in double, for the scale of a rounding error.
inline std::vector<double> magnitudes(std::span<const float> values) {
  std::vector<double> result;
  result.reserve(values.size());
  for (const float value : values) result.push_back(std::abs(static_cast<double>(value)));
  return result;
}

}  // namespace tilewise::testing
