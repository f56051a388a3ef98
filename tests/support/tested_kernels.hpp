#pragma once

#include <set>
#include <string>

#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::testing {

/// Names of the kernels in simd/kernel_table.hpp's list that have tests.
inline std::set<std::string>& tested_kernels() {
  static std::set<std::string> names;
  return names;
}

/// Stands above the tests of one kernel and tells kernel_table_test.cpp that they are there. A name
/// that is not in the table does not compile.
#define TILEWISE_TESTS_KERNEL(name)                                                     \
  [[maybe_unused]] static const bool tests_##name =                                     \
      (static_cast<void>(&::tilewise::simd::KernelTable::name),                         \
       ::tilewise::testing::tested_kernels().insert(#name).second)

}  // namespace tilewise::testing
