// When a product packs B, which its result does not show.

#include <gtest/gtest.h>

#include <cstdint>

#include "tilewise/simd/blocking.hpp"

namespace tilewise::simd {
namespace {

constexpr std::int64_t kManyRows = 1000;
constexpr std::int64_t kLongRow = 1000;     // of B, not a multiple of 1 KB
constexpr std::int64_t kAliasingRow = 1024;  // whose rows meet in the same places of L1

PackB choice(const KernelTable& kernels, std::int64_t m, std::int64_t n, std::int64_t k, std::int64_t ldb,
             Transpose transpose_b = Transpose::no) {
  const GemmShape shape{.transpose_b = transpose_b, .m = m, .n = n, .k = k, .lda = k, .ldb = ldb};
  return choose_gemm_blocking(kernels, shape, 1).pack_b;
}

TEST(PackingChoice, packs_for_many_rows_wide_panels_on_the_way) {
  for (const Isa isa : supported_isas()) {
    const KernelTable& kernels = kernel_table(isa);
    for (const std::int64_t n : {kLongRow, kAliasingRow}) {
      const std::int64_t columns =
          choose_gemm_blocking(kernels, {.m = kManyRows, .n = n, .k = 500, .lda = 500, .ldb = n}, 1).tile.columns;
      const PackB expected = columns >= 32 ? PackB::on_the_way : PackB::ahead;  // two cache lines
      EXPECT_EQ(choice(kernels, kManyRows, n, 500, n), expected) << isa_name(isa) << ", " << n << " columns";
    }
  }
}

TEST(PackingChoice, takes_B_in_place_for_few_rows_unless_its_own_meet_in_L1) {
  for (const Isa isa : supported_isas()) {
    const KernelTable& kernels = kernel_table(isa);
    EXPECT_EQ(choice(kernels, 1, kLongRow, 500, kLongRow), PackB::never);
    EXPECT_EQ(choice(kernels, 1, kAliasingRow, 500, kAliasingRow), PackB::never) << "a single tile of rows";
    EXPECT_EQ(choice(kernels, 60, kLongRow, 500, kLongRow), PackB::never);
    EXPECT_NE(choice(kernels, 60, kLongRow, 500, kAliasingRow), PackB::never);
    // Packing narrower panels pays for fewer rows.
    const std::int64_t rows = 150;
    EXPECT_EQ(choice(kernels, rows, kLongRow, 500, kLongRow) == PackB::never, has_wide_vectors(kernels));
  }
}

TEST(PackingChoice, takes_B_in_place_that_stays_in_L1) {
  for (const Isa isa : supported_isas()) {
    const KernelTable& kernels = kernel_table(isa);
    EXPECT_EQ(choice(kernels, kManyRows, 64, 32, kAliasingRow), PackB::never);
    EXPECT_NE(choice(kernels, kManyRows, 64, 512, kAliasingRow), PackB::never);
  }
}

TEST(PackingChoice, lays_out_a_transposed_B_ahead) {
  for (const Isa isa : supported_isas()) {
    for (const std::int64_t m : {std::int64_t{1}, std::int64_t{60}, kManyRows}) {
      for (const std::int64_t k : {32, 500, 1024}) {
        EXPECT_EQ(choice(kernel_table(isa), m, 64, k, k, Transpose::yes), PackB::ahead) << m << ", " << k;
      }
    }
  }
}

}  // namespace
}  // namespace tilewise::simd
