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

// 256 rows of B lie in 128 pages, or in as many as rows.
TEST(PackingChoice, packs_narrow_panels_on_the_way_if_they_lie_in_few_pages) {
  for (const Isa isa : supported_isas()) {
    const KernelTable& kernels = kernel_table(isa);
    const bool wide = has_wide_vectors(kernels);
    EXPECT_EQ(choice(kernels, 500, 512, 256, 512), PackB::on_the_way);
    EXPECT_EQ(choice(kernels, 500, 2048, 256, 2048), wide ? PackB::on_the_way : PackB::ahead);
    EXPECT_EQ(choice(kernels, 24, 500, 256, 500), wide ? PackB::never : PackB::on_the_way);
    EXPECT_EQ(choice(kernels, 23, 500, 256, 500), PackB::never);
    EXPECT_EQ(choice(kernels, 24, 2000, 256, 2000), PackB::never);
  }
}

TEST(PackingChoice, takes_B_in_place_that_stays_in_L1) {
  for (const Isa isa : supported_isas()) {
    const KernelTable& kernels = kernel_table(isa);
    EXPECT_EQ(choice(kernels, kManyRows, 64, 32, kAliasingRow), PackB::never);
    EXPECT_NE(choice(kernels, kManyRows, 64, 512, kAliasingRow), PackB::never);
  }
}

TEST(PackingChoice, lays_out_a_transposed_B_panel_by_panel_for_few_rows) {
  for (const Isa isa : supported_isas()) {
    for (const std::int64_t k : {32, 500, 1024}) {
      for (const std::int64_t m : {1, 64}) {
        EXPECT_EQ(choice(kernel_table(isa), m, 64, k, k, Transpose::yes), PackB::panel_by_panel) << m << ", " << k;
      }
      EXPECT_EQ(choice(kernel_table(isa), 65, 64, k, k, Transpose::yes), PackB::ahead) << k;
    }
  }
}

}  // namespace
}  // namespace tilewise::simd
