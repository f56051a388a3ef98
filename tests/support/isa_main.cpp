// main() of the test programs that ctest runs once for each instruction set, with TILEWISE_ISA set.
// On a CPU that lacks it they exit with 77, which ctest counts as skipped.

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tilewise/simd/isa.hpp"

namespace {

using tilewise::simd::Isa;

constexpr int kSkipped = 77;
constexpr Isa kKnown[] = {Isa::sse2, Isa::avx2, Isa::avx512, Isa::neon};

/// Whether `name` is an instruction set, but not one that can run here. An unknown name is left to
/// the tests, which fail on it.
bool is_lacking(std::string_view name) {
  const auto has_name = [&](Isa isa) { return tilewise::simd::isa_name(isa) == name; };
  return std::ranges::any_of(kKnown, has_name) &&
         std::ranges::none_of(tilewise::simd::supported_isas(), has_name);
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  const char* isa = std::getenv("TILEWISE_ISA");
  if (isa != nullptr && !GTEST_FLAG_GET(list_tests) && is_lacking(isa)) {
    std::printf("[  SKIPPED ] all tests: this CPU or this build lacks %s\n", isa);
    return kSkipped;
  }
  return RUN_ALL_TESTS();
}
