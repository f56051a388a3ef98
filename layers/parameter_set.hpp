#pragma once

#include <cstdint>

#include "tilewise/layers/parameter.hpp"

namespace tilewise {

/// Which parameters something applies to.
enum class ParameterSet : std::uint8_t {
  all,      ///< all that are trained
  kernels,  ///< those whose name ends in "kernel": filters and matrices, no biases
};

inline bool contains(ParameterSet set, const Parameter& parameter) {
  return set == ParameterSet::all || parameter.name().ends_with("kernel");
}

}  // namespace tilewise
