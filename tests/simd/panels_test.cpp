#include "tilewise/simd/panels.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "support/guarded_array.hpp"
#include "support/random_data.hpp"
#include "support/tolerance.hpp"

namespace tilewise::simd {
namespace {

using testing::GuardedArray;
using testing::Pattern;
using testing::random_values;

TileShape tile_of(std::int64_t vectors) {
  const KernelTable& kernels = default_kernels();
  return {.rows = kernels.max_rows[vectors - 1],
          .vectors = vectors,
          .columns = vectors * kernels.vector_floats};
}

TEST(PackPanels, puts_every_element_where_it_says) {
  constexpr std::int64_t kRows = 13;
  for (std::int64_t vectors = 1; vectors <= kMaxTileVectors; ++vectors) {
    const TileShape tile = tile_of(vectors);
    for (const std::int64_t n : {std::int64_t{1}, tile.columns - 1, tile.columns,
                                 tile.columns + 1, 3 * tile.columns + 2}) {
      for (const bool transposed : {false, true}) {
        SCOPED_TRACE(std::to_string(vectors) + " vectors, n=" + std::to_string(n) +
                     (transposed ? ", transposed" : ""));
        const std::int64_t ldb = transposed ? kRows + 2 : n + 3;
        const std::int64_t row_stride = transposed ? 1 : ldb;
        const std::int64_t column_stride = transposed ? ldb : 1;
        const GuardedArray<float> b(
            random_values((kRows - 1) * row_stride + (n - 1) * column_stride + 1, 1));
        GuardedArray<float> packed(packed_floats(tile, kRows, n));
        pack_panels(default_kernels(), tile, kRows, n, transposed ? Transpose::yes : Transpose::no,
                    b.data(), ldb, packed.data());
        ASSERT_TRUE(packed.intact());
        for (std::int64_t i = 0; i < packed_floats(tile, kRows, n); ++i) {
          const std::int64_t row = i / tile.columns % kRows;
          const std::int64_t column = i / tile.columns / kRows * tile.columns + i % tile.columns;
          const float expected =
              column < n ? b.data()[row * row_stride + column * column_stride] : 0.0F;
          ASSERT_EQ(packed[i], expected) << i;
        }
      }
    }
  }
}

TEST(PackPanels, of_nothing_writes_nothing) {
  const TileShape tile = tile_of(1);
  EXPECT_EQ(packed_floats(tile, 0, 5), 0);
  EXPECT_EQ(packed_floats(tile, 5, 0), 0);
  for (const Transpose transpose : {Transpose::no, Transpose::yes}) {
    pack_panels(default_kernels(), tile, 0, 5, transpose, nullptr, 5, nullptr);
    pack_panels(default_kernels(), tile, 5, 0, transpose, nullptr, 5, nullptr);
  }
}

/// C (m x columns, without gaps) = A (m x k, likewise) B.
TileArgs plain_product(const float* a, const float* b, std::int64_t ldb, float* c, std::int64_t columns,
                       std::int64_t k) {
  return {.a = a,
          .b = b,
          .c = c,
          .a_offsets = &kNoOffset,
          .b_offsets = &kNoOffset,
          .pairs = 1,
          .k = k,
          .a_row_stride = k,
          .a_k_stride = 1,
          .ldb = ldb,
          .ldc = columns,
          .columns = columns};
}

TEST(MultiplyPanel, covers_any_number_of_rows) {
  for (std::int64_t vectors = 1; vectors <= kMaxTileVectors; ++vectors) {
    const TileShape tile = tile_of(vectors);
    for (std::int64_t m = 1; m <= 3 * tile.rows + 1; ++m) {
      constexpr std::int64_t kK = 3;
      const std::int64_t columns = tile.columns - 1;
      const GuardedArray<float> a(random_values(m * kK, 1, Pattern::integers));
      const GuardedArray<float> b(random_values(kK * tile.columns, 2, Pattern::integers));
      GuardedArray<float> c(m * columns);
      std::vector<float> expected;
      for (std::int64_t i = 0; i < m; ++i) {
        for (std::int64_t j = 0; j < columns; ++j) {
          float sum = 0;
          for (std::int64_t k = 0; k < kK; ++k) {
            sum += a.data()[i * kK + k] * b.data()[k * tile.columns + j];
          }
          expected.push_back(sum);
        }
      }
      TileArgs args = plain_product(a.data(), b.data(), tile.columns, c.data(), columns, kK);
      multiply_panel(default_kernels(), EvenSplit(m, tile.rows), args);
      EXPECT_EQ(args.a, a.data());
      EXPECT_EQ(args.c, c.data());
      ASSERT_TRUE(c.intact());
      ASSERT_TRUE(testing::all_equal(c.span(), expected)) << m << " rows, " << vectors;
    }
  }
}

// The first tile packs B, and the others read what it has packed: so that the panel is left as they want it.
TEST(MultiplyPanel, packs_with_the_first_tile) {
  const TileShape tile = tile_of(2);
  constexpr std::int64_t kK = 11;
  const std::int64_t m = 2 * tile.rows + 1, ldb = tile.columns + 5;
  const std::vector<float> a = random_values(m * kK, 1, Pattern::integers);
  const std::vector<float> b = random_values(kK * ldb, 2, Pattern::integers);
  GuardedArray<float> packed(kK * tile.columns), c(m * tile.columns), expected(m * tile.columns);
  TileArgs args = plain_product(a.data(), b.data(), ldb, expected.data(), tile.columns, kK);
  multiply_panel(default_kernels(), EvenSplit(m, tile.rows), args);
  EXPECT_EQ(args.b, b.data());
  args.c = c.data();
  args.b_rows = BRows::packing;
  args.packed_b = packed.data();
  multiply_panel(default_kernels(), EvenSplit(m, tile.rows), args);
  EXPECT_EQ(args.b, packed.data());
  EXPECT_TRUE(args.b_rows == BRows::near);
  EXPECT_TRUE(packed.intact() && c.intact());
  EXPECT_TRUE(testing::all_equal(c.span(), {expected.span().begin(), expected.span().end()}));
}

// A block of 2 x 3 x 5 rows of C, (i, j, l) apart by 100, 20 and 3 floats, whichever axis the tiles lie along.
TEST(MultiplyBlock, covers_all_three_axes) {
  const TileShape tile = tile_of(1);
  constexpr std::int64_t kK = 2, kRows[3] = {2, 3, 5}, kStrides[3] = {100, 20, 3};
  const std::vector<float> a = random_values(2 * 100, 1, Pattern::integers);
  const std::vector<float> b = random_values(kK * tile.columns, 2, Pattern::integers);
  std::vector<float> expected(200, -1.0F);
  for (std::int64_t i = 0; i < 2; ++i) {
    for (std::int64_t j = 0; j < 3; ++j) {
      for (std::int64_t l = 0; l < 5; ++l) {
        const auto row = static_cast<std::size_t>(100 * i + 20 * j + 3 * l);
        expected[row] = a[row] * b[0] + a[row + 1] * b[static_cast<std::size_t>(tile.columns)];
      }
    }
  }
  std::array<int, 3> order{0, 1, 2};
  do {
    std::array<BlockAxis, 3> axes;
    for (std::size_t i = 0; i < 3; ++i) {
      const int axis = order[i];
      axes[i] = {kRows[axis], kStrides[axis], kStrides[axis]};
    }
    const std::int64_t no_offset = 0;
    TileArgs args{.b = b.data(),
                  .a_offsets = &no_offset,
                  .b_offsets = &no_offset,
                  .pairs = 1,
                  .k = kK,
                  .a_k_stride = 1,
                  .ldb = tile.columns,
                  .columns = 1};
    Ahead nothing;
    std::vector<float> c(200, -1.0F);
    multiply_block(default_kernels(), 2, axes, a.data(), c.data(), args, nothing);
    EXPECT_EQ(c, expected);
  } while (std::next_permutation(order.begin(), order.end()));
}

/// The floats that tiles fetch one after the other, `tiles` of them in calls of up to `per_call`.
std::vector<std::pair<std::int64_t, std::int64_t>> fetched(std::int64_t floats, std::int64_t tiles,
                                                           std::int64_t per_call) {
  const std::vector<float> memory(200'000);
  const float* const first = memory.data();
  Ahead ahead(first, floats, tiles);
  std::vector<std::pair<std::int64_t, std::int64_t>> pieces;
  for (std::int64_t done = 0; done < tiles; done += per_call) {
    TileArgs args;
    const std::int64_t count = std::min(per_call, tiles - done);
    ahead.set(count, args);
    const std::int64_t from = args.ahead - first;
    if (args.ahead_lines > 0) pieces.emplace_back(from, from + count * args.ahead_lines * 16);
  }
  return pieces;
}

// What is fetched hangs together, is all of it up to 128 KB, and goes beyond by less than each tile's last line.
TEST(Ahead, spreads_memory_over_tiles) {
  constexpr std::int64_t kMost = 32 * 1024;
  for (const std::int64_t floats : {16, 160, 5000, 32 * 1024, 100'000}) {
    for (const std::int64_t tiles : {1, 7, 64}) {
      for (const std::int64_t per_call : {1, 5}) {
        SCOPED_TRACE(::testing::Message() << floats << " floats, " << tiles << " tiles, " << per_call << " a call");
        const auto pieces = fetched(floats, tiles, per_call);
        ASSERT_FALSE(pieces.empty());
        std::int64_t end = 0;
        for (const auto& [from, to] : pieces) {
          EXPECT_EQ(from, end);
          end = to;
        }
        const std::int64_t wanted = std::min(floats, kMost) / 16 * 16;
        EXPECT_GE(end, wanted);
        EXPECT_LT(end, wanted + 16 * (tiles + per_call));
      }
    }
  }
}

TEST(Ahead, of_nothing_fetches_nothing) {
  EXPECT_TRUE(fetched(0, 7, 2).empty());
  TileArgs args{.ahead_lines = 3};
  Ahead().set(4, args);
  EXPECT_EQ(args.ahead_lines, 0);
}

}  // namespace
}  // namespace tilewise::simd
