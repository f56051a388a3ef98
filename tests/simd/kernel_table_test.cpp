#include "tilewise/simd/kernel_table.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

#include "support/tested_kernels.hpp"

namespace tilewise::simd {
namespace {

#define TILEWISE_NAME(name, result, parameters) #name,
const std::set<std::string> kListed{TILEWISE_KERNELS(TILEWISE_NAME)};
#undef TILEWISE_NAME

// A kernel that is added to the list fails here until a test says TILEWISE_TESTS_KERNEL(its_name).
// The micro-kernel's tiles have tests of their own, which go through the table.
TEST(KernelTable, every_kernel_has_tests) { EXPECT_EQ(testing::tested_kernels(), kListed); }

TEST(KernelTable, is_complete_for_every_supported_isa) {
  for (const Isa isa : supported_isas()) {
    const KernelTable& kernels = kernel_table(isa);
    EXPECT_EQ(kernels.isa, isa);
    EXPECT_EQ(kernels.vector_floats, isa == Isa::avx512 ? 16 : isa == Isa::avx2 ? 8 : 4);
#define TILEWISE_EXPECT(name, result, parameters) \
  EXPECT_NE(kernels.name, nullptr) << #name << " for " << isa_name(isa);
    TILEWISE_KERNELS(TILEWISE_EXPECT)
#undef TILEWISE_EXPECT
  }
}

TEST(KernelTable, default_is_looked_up_once) {
  EXPECT_EQ(&default_kernels(), &default_kernels());
  EXPECT_EQ(&default_kernels(), &kernel_table(default_kernels().isa));
}

/// Whether AVX-512's vectors are taken in halves: ctest says it, or the CPU is a Zen 4.
bool takes_halves() {
  const char* forced = std::getenv("TILEWISE_AVX512_HALVES");
  if (forced != nullptr && *forced != '\0') return std::string_view(forced) == "1";
#if defined(__x86_64__)
  return __builtin_cpu_is("amd") && __builtin_cpu_is("amdfam19h");
#else
  return false;
#endif
}

// Narrower kernels are for AVX-512 on a CPU that halves its vectors alone, and only for up to three vectors, where
// fewer halves cover the columns than whole vectors have, or the columns are fewer vectors than wanted.
TEST(KernelTable, of_columns_are_as_wide_or_half) {
  for (const Isa isa : supported_isas()) {
    const KernelTable& kernels = kernel_table(isa);
    const std::int64_t width = kernels.vector_floats, half = width / 2;
    const KernelTable& narrow = isa == Isa::avx512 && takes_halves() ? kernel_table(Isa::avx2) : kernels;
    for (std::int64_t columns = 1; columns <= 6 * width; ++columns) {
      const std::int64_t halves = (columns + half - 1) / half, vectors = (columns + width - 1) / width;
      const bool saves_half = columns < 3 * width && halves < 2 * vectors;
      EXPECT_EQ(&kernels_for_columns(kernels, columns), saves_half ? &narrow : &kernels) << columns << " columns";
      EXPECT_EQ(&kernels_for_columns(kernels, columns, 2), saves_half || vectors < 2 ? &narrow : &kernels)
          << columns << " columns";
    }
  }
}

}  // namespace
}  // namespace tilewise::simd
