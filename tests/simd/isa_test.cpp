#include "tilewise/simd/isa.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

#include "support/scoped_env.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using testing::ScopedEnv;

constexpr Isa kAll[] = {Isa::sse2, Isa::avx2, Isa::avx512, Isa::neon};

bool is_supported(Isa isa) {
  return std::ranges::find(supported_isas(), isa) != supported_isas().end();
}

template <class Code>
std::string error_of(Code code) {
  try {
    code();
  } catch (const ArgumentError& error) {
    return error.what();
  }
  return "no ArgumentError";
}

TEST(Isa, has_names) {
  EXPECT_EQ(isa_name(Isa::sse2), "sse2");
  EXPECT_EQ(isa_name(Isa::avx2), "avx2");
  EXPECT_EQ(isa_name(Isa::avx512), "avx512");
  EXPECT_EQ(isa_name(Isa::neon), "neon");
}

TEST(Isa, baseline_is_always_supported) {
#if defined(__x86_64__)
  EXPECT_TRUE(is_supported(Isa::sse2));
  EXPECT_FALSE(is_supported(Isa::neon));
#elif defined(__aarch64__)
  EXPECT_TRUE(is_supported(Isa::neon));
  EXPECT_FALSE(is_supported(Isa::sse2));
#endif
}

TEST(Isa, supported_ones_are_listed_widest_first) {
  ASSERT_FALSE(supported_isas().empty());
  EXPECT_TRUE(std::ranges::is_sorted(supported_isas(), std::ranges::greater(), [](Isa isa) {
    return kernel_table(isa).vector_floats;
  }));
}

// ctest sets the variable and runs this program under each instruction set.
TEST(Isa, default_kernels_are_those_that_the_environment_names) {
  const char* forced = std::getenv("TILEWISE_ISA");
  if (forced == nullptr) {
    EXPECT_EQ(default_kernels().isa, supported_isas().front());
  } else {
    EXPECT_EQ(isa_name(default_kernels().isa), forced);
  }
}

TEST(Isa, default_is_the_best_unless_the_environment_names_one) {
  {
    const ScopedEnv env("TILEWISE_ISA", nullptr);
    EXPECT_EQ(default_isa(), supported_isas().front());
  }
  {
    const ScopedEnv env("TILEWISE_ISA", "");
    EXPECT_EQ(default_isa(), supported_isas().front());
  }
  for (const Isa isa : supported_isas()) {
    const ScopedEnv env("TILEWISE_ISA", std::string(isa_name(isa)).c_str());
    EXPECT_EQ(default_isa(), isa);
  }
}

TEST(Isa, forcing_an_unknown_or_missing_one_fails_loudly) {
  const std::string best(isa_name(supported_isas().front()));
  for (const std::string name : {"avx1024", "AVX2", "sse2 ", "avx", "unknown"}) {
    const ScopedEnv env("TILEWISE_ISA", name.c_str());
    EXPECT_THAT(error_of([] { default_isa(); }),
                AllOf(StartsWith("TILEWISE_ISA='" + name + "': "), HasSubstr(best)));
  }
  for (const Isa isa : kAll) {
    if (is_supported(isa)) continue;
    const std::string name(isa_name(isa));
    const ScopedEnv env("TILEWISE_ISA", name.c_str());
    EXPECT_THAT(error_of([] { default_isa(); }),
                AllOf(StartsWith("TILEWISE_ISA='" + name + "': "), HasSubstr(best)));
    EXPECT_THAT(error_of([&] { kernel_table(isa); }),
                AllOf(HasSubstr("instruction set " + name), HasSubstr(best)));
  }
}

}  // namespace
}  // namespace tilewise::simd
