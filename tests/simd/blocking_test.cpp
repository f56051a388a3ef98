#include "tilewise/simd/blocking.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>

namespace tilewise::simd {
namespace {

constexpr std::int64_t kExtents[] = {1,  2,  3,   7,   10,  14,  15,  16,  17,   31,  33,
                                     48, 64, 100, 112, 113, 128, 255, 256, 257,  300, 512,
                                     513, 1000, 3071, 3072, 3073, 10'000};

/// Calls body(m, n, k) for many problems.
template <class Body>
void for_each_problem(Body body) {
  for (const std::int64_t m : kExtents) {
    for (const std::int64_t n : kExtents) {
      for (const std::int64_t k : kExtents) {
        SCOPED_TRACE(std::to_string(m) + " x " + std::to_string(n) + " x " + std::to_string(k));
        body(m, n, k);
        if (::testing::Test::HasFailure()) return;
      }
    }
  }
}

TEST(EvenSplit, covers_everything_in_order_in_pieces_of_nearly_one_size) {
  for (std::int64_t total = 0; total <= 130; ++total) {
    for (std::int64_t most = 1; most <= 40; ++most) {
      const EvenSplit split(total, most);
      ASSERT_EQ(split.pieces, std::max<std::int64_t>(1, (total + most - 1) / most));
      std::int64_t next = 0;
      std::int64_t smallest = total;
      for (std::int64_t i = 0; i < split.pieces; ++i) {
        ASSERT_EQ(split.begin(i), next);
        ASSERT_LE(split.size(i), most);
        ASSERT_LE(split.size(i), split.size(0));
        next += split.size(i);
        smallest = std::min(smallest, split.size(i));
      }
      ASSERT_EQ(next, total);
      ASSERT_LE(split.size(0) - smallest, 1);
    }
  }
}

TEST(EvenSplit, example) {
  const EvenSplit split(26, 14);
  EXPECT_EQ(split.pieces, 2);
  EXPECT_EQ(split.size(0), 13);
  EXPECT_EQ(split.size(1), 13);
}

TEST(EvenSplit, into_pieces) {
  for (std::int64_t total = 0; total <= 40; ++total) {
    EXPECT_EQ(EvenSplit::into(total, 1).size(0), total);
    for (std::int64_t most = 1; most <= 50; ++most) {
      const EvenSplit split = EvenSplit::into(total, most);
      EXPECT_LE(split.pieces, most);
      EXPECT_EQ(split.begin(split.pieces), total);
      EXPECT_EQ(split.size(0), (total + most - 1) / most);
    }
  }
}

TEST(MixedSplit, halves_things_with_pieces) {
  for (std::int64_t total = 0; total <= 40; ++total) {
    for (std::int64_t pieces = 1; pieces <= total + 1; ++pieces) {
      const MixedSplit split{total, pieces};
      std::int64_t next = 0;
      for (std::int64_t i = 0; i < pieces; ++i) {
        EXPECT_EQ(split.begin(i), next);
        EXPECT_GE(split.size(i), total / pieces);
        EXPECT_LE(split.size(i), (total + pieces - 1) / pieces);
        next += split.size(i);
      }
      EXPECT_EQ(next, total);
      if (pieces % 2 == 0) {
        EXPECT_EQ(split.begin(pieces / 2), total / 2);
      }
    }
  }
}

TEST(Rounding, goes_up) {
  EXPECT_EQ(ceil_div(-1, 4), 0);
  EXPECT_EQ(ceil_div(0, 4), 0);
  EXPECT_EQ(ceil_div(1, 4), 1);
  EXPECT_EQ(ceil_div(4, 4), 1);
  EXPECT_EQ(ceil_div(5, 4), 2);
  EXPECT_EQ(round_up(5, 4), 8);
  EXPECT_EQ(round_up(8, 4), 8);
}

TEST(VectorsOf, hold_all_floats) {
  for (const Isa isa : supported_isas()) {
    const KernelTable& kernels = kernel_table(isa);
    for (std::int64_t floats = 0; floats <= 70; ++floats) {
      const std::int64_t vectors = vectors_of(kernels, floats);
      EXPECT_GE(vectors * kernels.vector_floats, floats);
      EXPECT_LT((vectors - 1) * kernels.vector_floats, std::max<std::int64_t>(floats, 1));
    }
  }
}

// A B whose rows already lie side by side, as those of a packed panel.
TEST(ChooseGemmBlocking, does_not_pack_a_panel) {
  for (const Isa isa : supported_isas()) {
    const KernelTable& kernels = kernel_table(isa);
    const auto pack_b = [&](std::int64_t n, std::int64_t ldb) {
      return choose_gemm_blocking(kernels, {.m = 2000, .n = n, .k = 2048, .lda = 2048, .ldb = ldb}, 1).pack_b;
    };
    const std::int64_t n = choose_gemm_blocking(kernels, {.m = 2000, .n = 16, .k = 2048}, 1).tile.columns;
    EXPECT_EQ(pack_b(n, n), PackB::never);
    EXPECT_NE(pack_b(n, n + 1), PackB::never);
  }
}

// Whatever is chosen, the table must have it.
TEST(ChooseTile, stays_within_the_table) {
  for (const Isa isa : supported_isas()) {
    const KernelTable& kernels = kernel_table(isa);
    for_each_problem([&](std::int64_t m, std::int64_t n, std::int64_t k) {
      const TileShape tile = choose_tile(kernels, m, n, k);
      ASSERT_GE(tile.vectors, 1);
      ASSERT_LE(tile.vectors, kMaxTileVectors);
      ASSERT_EQ(tile.columns, tile.vectors * kernels.vector_floats);
      ASSERT_GE(tile.rows, 1);
      ASSERT_LE(tile.rows, kernels.max_rows[tile.vectors - 1]);
      ASSERT_NE(kernels.tile[tile.vectors - 1][tile.rows - 1], nullptr);
      // No wider than the matrix: the panels of a narrow one are not mostly padding.
      ASSERT_LT(tile.columns, n + kernels.vector_floats);
    });
  }
}

// Small tiles cannot keep two multiply-adds a cycle in flight.
TEST(ChooseTile, fills_the_pipeline_for_large_products) {
  for (const Isa isa : supported_isas()) {
    const KernelTable& kernels = kernel_table(isa);
    const TileShape tile = choose_tile(kernels, 1000, 1024, 256);
    EXPECT_GE(tile.rows * tile.vectors, std::min<std::int64_t>(8, kernels.max_rows[0]));
  }
}

TEST(ChooseGemmBlocking, cuts_as_documented) {
  for (const Isa isa : supported_isas()) {
    const KernelTable& kernels = kernel_table(isa);
    for_each_problem([&](std::int64_t m, std::int64_t n, std::int64_t k) {
      const GemmBlocking blocking = choose_gemm_blocking(kernels, {.m = m, .n = n, .k = k}, 3);
      // The tasks cover C, and cache blocks stay near their constants.
      ASSERT_EQ(blocking.rows.begin(blocking.rows.pieces), m);
      const std::int64_t columns = blocking.panels.begin(blocking.panels.pieces) * blocking.tile.columns;
      ASSERT_GE(columns, n);
      ASSERT_LT(columns, n + blocking.tile.columns);
      ASSERT_LT(blocking.panels.size(0) * blocking.tile.columns, 1024 + blocking.tile.columns);
      if (n <= 64) {
        ASSERT_LE(blocking.rows.size(0), 504);
      }
      ASSERT_GE(blocking.mc, 1);
      ASSERT_TRUE(blocking.mc % blocking.tile.rows == 0 || blocking.mc == blocking.rows.size(0));
      ASSERT_LE(blocking.mc, std::min<std::int64_t>(168, round_up(blocking.rows.size(0), blocking.tile.rows)));
      ASSERT_GE(blocking.kc, 1);
      ASSERT_LE(blocking.kc, std::min<std::int64_t>(n <= 64 ? 1024 : kernels.vector_floats == 16 ? 512 : 256, k));
    });
  }
}

// What decides how an element is summed, and what a transposed B needs.
TEST(ChooseGemmBlocking, sums_alike_on_any_number_of_threads) {
  for (const Isa isa : supported_isas()) {
    const KernelTable& kernels = kernel_table(isa);
    for_each_problem([&](std::int64_t m, std::int64_t n, std::int64_t k) {
      for (const Transpose transpose : {Transpose::no, Transpose::yes}) {
        const GemmShape shape{.transpose_b = transpose, .m = m, .n = n, .k = k};
        const GemmBlocking alone = choose_gemm_blocking(kernels, shape, 1);
        const bool laid_out = alone.pack_b == PackB::ahead || alone.pack_b == PackB::panel_by_panel;
        ASSERT_TRUE(laid_out || transpose == Transpose::no);
        for (const int threads : {2, 5, 16}) {
          ASSERT_EQ(choose_gemm_blocking(kernels, shape, threads).kc, alone.kc) << threads;
        }
      }
    });
  }
}

// L1 has eight places for lines that are a multiple of 4 KB apart, as those of a tile's rows of A may be.
TEST(ChooseGemmBlocking, keeps_tiles_of_a_narrow_c_low) {
  for (const Isa isa : supported_isas()) {
    const KernelTable& kernels = kernel_table(isa);
    for (const std::int64_t n : {1, 16, 32, 48, 64}) {
      GemmShape shape{.m = 500, .n = n, .k = 2048, .lda = 2048, .ldb = n};
      EXPECT_LE(choose_gemm_blocking(kernels, shape, 1).tile.rows, 8);
      shape.transpose_a = Transpose::yes;
      const TileShape any = choose_gemm_blocking(kernels, shape, 1).tile;
      EXPECT_EQ(any.rows, kernels_for_columns(kernels, n).max_rows[any.vectors - 1]);
    }
  }
}

// So that a tile's stores are done before the next one's: not of partial vectors, which would all have to be packed.
TEST(ChooseGemmBlocking, takes_few_sums_at_a_time_if_they_are_short) {
  for (const Isa isa : supported_isas()) {
    const KernelTable& kernels = kernel_table(isa);
    if (!has_wide_vectors(kernels)) continue;
    const auto tile_of = [&](std::int64_t n, std::int64_t k, Transpose transpose_b = Transpose::no) {
      return choose_gemm_blocking(kernels, {.transpose_b = transpose_b, .m = 200, .n = n, .k = k}, 1).tile.to_string();
    };
    EXPECT_EQ(tile_of(16, 128), kernels_for_columns(kernels, 16).max_rows[0] == 14 ? "14x1" : "16x1");
    EXPECT_EQ(tile_of(32, 128), "8x2");
    EXPECT_EQ(tile_of(48, 85), "5x3");
    EXPECT_EQ(tile_of(48, 86), "9x3");
    EXPECT_EQ(tile_of(64, 64), "4x4");
    EXPECT_EQ(tile_of(64, 65), "6x4");
    EXPECT_EQ(tile_of(128, 128), "6x4");
    EXPECT_EQ(tile_of(128, 128, Transpose::yes), "8x2");
    EXPECT_EQ(tile_of(128, 129, Transpose::yes), "6x4");
    EXPECT_EQ(tile_of(31, 128), "14x2");
  }
}

// A panel of C that is one whole tile wide reads A once.
TEST(ChooseGemmBlocking, takes_a_narrow_c_in_one_panel) {
  for (const Isa isa : supported_isas()) {
    const KernelTable& kernels = kernel_table(isa);
    if (!has_wide_vectors(kernels)) continue;
    for (const std::int64_t m : {3, 14, 64, 200}) {
      EXPECT_EQ(choose_gemm_blocking(kernels, {.m = m, .n = 64, .k = 64}, 1).tile.vectors, 4);
    }
    EXPECT_NE(choose_gemm_blocking(kernels, {.m = 64, .n = 65, .k = 64}, 1).tile.vectors, 4);
  }
}

TEST(ChooseGemmBlocking, fetches_rows_of_a_that_are_long_and_read_once) {
  const auto fetches = [](std::int64_t n, std::int64_t k, Transpose transpose_a = Transpose::no) {
    return choose_gemm_blocking(default_kernels(), {.transpose_a = transpose_a, .m = 200, .n = n, .k = k}, 1).fetch_a;
  };
  const std::int64_t width = default_kernels().vector_floats;
  EXPECT_TRUE(fetches(width, 129));
  EXPECT_FALSE(fetches(width, 128));
  EXPECT_FALSE(fetches(width, 129, Transpose::yes));
  EXPECT_FALSE(fetches(300, 129));
}

// A last panel of a vector where others have several: not in tiles of one or two rows, whose sums would be waited for.
TEST(PanelTile, has_sums_enough) {
  for (const Isa isa : supported_isas()) {
    const KernelTable& kernels = kernel_table(isa);
    for (const std::int64_t n : {65, 70, 100, 333, 1000}) {
      for (const Transpose transpose : {Transpose::no, Transpose::yes}) {
        const GemmBlocking blocking =
            choose_gemm_blocking(kernels, {.transpose_b = transpose, .m = 100, .n = n, .k = 100, .lda = 100}, 1);
        for (std::int64_t columns = 1; columns <= blocking.tile.columns; ++columns) {
          const PanelTile panel = blocking.panel_tile(columns);
          const std::int64_t vectors = vectors_of(panel.kernels, columns);
          ASSERT_LE(vectors, kMaxTileVectors);
          ASSERT_NE(panel.kernels.tile[vectors - 1][panel.rows - 1], nullptr);
          if (&panel.kernels == blocking.kernels && vectors == blocking.tile.vectors) {
            ASSERT_EQ(panel.rows, blocking.tile.rows);
          } else {
            ASSERT_EQ(panel.rows, std::min(std::max<std::int64_t>(blocking.tile.rows, 8),
                                           panel.kernels.max_rows[vectors - 1]));
            const bool is_half = 2 * columns <= kernels.vector_floats;
            ASSERT_EQ(&panel.kernels, is_half ? &kernels_for_columns(*blocking.kernels, columns) : blocking.kernels);
          }
        }
      }
    }
  }
}

// Ten classes, one unit; not whole vectors, nor a wide C.
TEST(WastesVectors, where_lanes_are_idle_or_tiles_only_load) {
  for (const Isa isa : supported_isas()) {
    const KernelTable& kernels = kernel_table(isa);
    EXPECT_TRUE(wastes_vectors(kernels, 1));
    EXPECT_TRUE(wastes_vectors(kernels, 3));
    EXPECT_FALSE(wastes_vectors(kernels, 48));
    EXPECT_FALSE(wastes_vectors(kernels, 64));
    EXPECT_FALSE(wastes_vectors(kernels, 65));
    EXPECT_FALSE(wastes_vectors(kernels, 1000));
    if (kernels.vector_floats >= 8) {
      EXPECT_TRUE(wastes_vectors(kernels, 10));
    }
    // One vector, unless it is taken in halves.
    EXPECT_EQ(wastes_vectors(kernels, 16), kernels_for_columns(kernels, 16, 2).vector_floats == 16);
  }
}

TEST(TaskCount, grows_with_the_work_and_the_threads) {
  EXPECT_EQ(task_count(1e9, 1), 1);
  EXPECT_EQ(task_count(0, 4), 1);
  EXPECT_EQ(task_count(1e12, 4), 16);
  EXPECT_EQ(task_count(1e12, 4, 8), 32);
  EXPECT_EQ(task_count(3e6, 4), 12);  // of five microseconds
  EXPECT_EQ(task_count(600'000, 4), 4);  // of three
  EXPECT_EQ(task_count(gemm_multiply_adds(64, 64, 64), 2), 2);
  EXPECT_EQ(task_count(240'000, 2), 1);
}

TEST(ChooseGemmBlocking, gives_every_thread_something_to_do) {
  const GemmBlocking blocking =
      choose_gemm_blocking(default_kernels(), {.m = 128, .n = 128, .k = 1600}, 4);
  EXPECT_GE(blocking.rows.pieces * blocking.panels.pieces, 4);
}

// B is not packed for every block of a short C's rows, nor A read for every block of a slim one's columns.
TEST(ChooseGemmBlocking, divides_the_longer_side) {
  for (const Isa isa : supported_isas()) {
    const KernelTable& kernels = kernel_table(isa);
    const GemmBlocking wide = choose_gemm_blocking(kernels, {.m = 64, .n = 4096, .k = 500, .lda = 500}, 4);
    EXPECT_EQ(wide.rows.pieces, 1);
    EXPECT_GE(wide.panels.pieces, 4);
    const GemmBlocking tall = choose_gemm_blocking(kernels, {.m = 4096, .n = 64, .k = 500, .lda = 500}, 4);
    EXPECT_EQ(tall.panels.pieces, 1);
    EXPECT_GE(tall.rows.pieces, 4);
  }
}

// 64 rows are 11 tiles of six, or eight of eight; of two threads neither gets more than 32 of them.
TEST(ChooseGemmBlocking, cuts_rows_evenly) {
  for (const Isa isa : supported_isas()) {
    const GemmBlocking blocking = choose_gemm_blocking(kernel_table(isa), {.m = 64, .n = 4, .k = 1000, .lda = 1000}, 2);
    EXPECT_EQ(blocking.rows.pieces, 2);
    EXPECT_EQ(blocking.rows.size(0), 32);
  }
}

// A workspace is booked once, for a full batch. The last batch of an epoch is smaller, and may be cut
// in larger blocks or in another tile's panels.
TEST(GemmBlockBound, holds_for_every_smaller_product) {
  for (const Isa isa : supported_isas()) {
    const KernelTable& kernels = kernel_table(isa);
    for_each_problem([&](std::int64_t m, std::int64_t n, std::int64_t k) {
      for (const int threads : {1, 4}) {
        const GemmBlocking blocking = choose_gemm_blocking(kernels, {.m = m, .n = n, .k = k}, threads);
        for (const std::int64_t more : {0, 1, 16, 29, 200, 5000}) {
          for (const std::int64_t bound :
               {gemm_block_bound(kernels, m + more, n, k), gemm_block_bound(kernels, m, n + more, k),
                gemm_block_bound(kernels, m, n, k + more)}) {
            ASSERT_LE(blocking.a_floats() + blocking.b_floats(), bound) << more << " more";
          }
        }
      }
    });
  }
}

TEST(ChooseGemmBlocking, of_nothing_is_harmless) {
  for (const std::int64_t m : {0, 5}) {
    for (const std::int64_t n : {0, 5}) {
      for (const std::int64_t k : {0, 5}) {
        const GemmBlocking blocking =
            choose_gemm_blocking(default_kernels(), {.m = m, .n = n, .k = k}, 2);
        EXPECT_GE(blocking.mc, 1);
        EXPECT_GE(blocking.kc, 1);
        EXPECT_GE(blocking.tile.columns, 1);
      }
    }
  }
}

}  // namespace
}  // namespace tilewise::simd
