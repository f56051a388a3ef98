#pragma once

#include <cstdint>
#include <vector>

#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::testing {

/// Array sizes around one and two vectors of the instruction set under test, and a large one.
inline std::vector<std::int64_t> vector_sizes() {
  const std::int64_t width = simd::default_kernels().vector_floats;
  std::vector<std::int64_t> sizes;
  for (std::int64_t n = 0; n <= 2 * width + 1; ++n) sizes.push_back(n);
  sizes.push_back(1000);
  return sizes;
}

}  // namespace tilewise::testing
