#include "tilewise/simd/microkernel.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "support/guarded_array.hpp"
#include "support/random_data.hpp"
#include "support/tolerance.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {
namespace {

using testing::all_equal;
using testing::GuardedArray;
using testing::random_values;
using testing::same_bits;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

/// Where one tile finds its operands. B and C may be wider than the tile; A is read through two
/// strides.
struct Layout {
  std::int64_t pairs, k, a_row_stride, a_k_stride, b_gap, c_gap;
};

/// One run of a tile, with every array ending at an inaccessible page.
class TileRun {
 public:
  TileRun(std::int64_t rows, std::int64_t vectors, std::int64_t columns, const Layout& layout, std::int64_t tiles = 1)
      : tiles_(tiles),
        rows_(rows * tiles),
        columns_(columns),
        padded_(vectors * default_kernels().vector_floats),
        kernel_(default_kernels().tile[vectors - 1][rows - 1]),
        layout_(layout),
        ldb_(padded_ + layout.b_gap),
        ldc_(columns + layout.c_gap),
        a_pair_((rows_ - 1) * layout.a_row_stride + (layout.k - 1) * layout.a_k_stride + 1),
        b_pair_((layout.k - 1) * ldb_ + padded_),
        a_(random_values(std::max<std::int64_t>(0, layout.pairs * a_pair_), 1)),
        b_(random_values(std::max<std::int64_t>(0, layout.pairs * b_pair_), 2)),
        packed_b_(layout.k * padded_),
        bias_(random_values(columns, 3)),
        c_(random_values((rows_ - 1) * ldc_ + columns, 4)) {
    // Pairs in reverse, so that offsets that are ignored or mixed up show.
    for (std::int64_t pair = 0; pair < layout.pairs; ++pair) {
      a_offsets_.push_back((layout.pairs - 1 - pair) * a_pair_);
      b_offsets_.push_back((layout.pairs - 1 - pair) * b_pair_);
    }
    // What lies past `columns` must not matter.
    for (std::int64_t i = 0; i < layout.pairs * b_pair_; ++i) {
      if (i % b_pair_ % ldb_ >= columns) b_[i] = kNaN;
    }
  }

  /// Runs the kernel and compares all of C with the documented result, to the bit: the order of the
  /// sum is fixed, pair by pair and k by k, one fused multiply-add each, or a multiplication and an
  /// addition where there is no FMA.
  ::testing::AssertionResult check(Epilogue epilogue, float floor, BRows b_rows = BRows::near,
                                   bool fetches_a = false) {
    std::vector<float> expected(c_.span().begin(), c_.span().end());
    for (std::int64_t m = 0; m < rows_; ++m) {
      for (std::int64_t n = 0; n < columns_; ++n) {
        float& c = expected[static_cast<std::size_t>(m * ldc_ + n)];
        const float sum = dot(m, n);
        switch (epilogue) {
          case Epilogue::store: c = sum; break;
          case Epilogue::add: c = c + sum; break;
          case Epilogue::bias: c = std::max(floor, bias_[n] + sum); break;
        }
      }
    }
    const std::vector<float> a(a_.span().begin(), a_.span().end());
    kernel_({.a = a_.data(),
             .b = b_.data(),
             .c = c_.data(),
             .a_offsets = a_offsets_.data(),
             .b_offsets = b_offsets_.data(),
             .tiles = tiles_,
             .pairs = layout_.pairs,
             .k = layout_.k,
             .a_row_stride = layout_.a_row_stride,
             .a_k_stride = layout_.a_k_stride,
             .ldb = ldb_,
             .ldc = ldc_,
             .columns = columns_,
             .b_rows = b_rows,
             .fetches_a = fetches_a,
             .ahead = a_.data(),
             .ahead_lines = tiles_ - 1,
             .packed_b = b_rows == BRows::packing ? packed_b_.data() : nullptr,
             .epilogue = epilogue,
             .bias = epilogue == Epilogue::bias ? bias_.data() : nullptr,
             .floor = floor});
    if (!a_.intact() || !b_.intact() || !c_.intact() || !bias_.intact() || !packed_b_.intact()) {
      return ::testing::AssertionFailure() << "something in front of an array was written";
    }
    if (!same_bits(a_.span(), a)) return ::testing::AssertionFailure() << "A was written";
    if (b_rows == BRows::packing) {
      for (std::int64_t k = 0; k < layout_.k; ++k) {
        const std::span<const float> row(b_.data() + k * ldb_, static_cast<std::size_t>(padded_));
        const std::span<const float> packed(packed_b_.data() + k * padded_, row.size());
        if (!same_bits(packed, row)) return ::testing::AssertionFailure() << "row " << k << " of B is packed wrongly";
      }
    }
    return all_equal(c_.span(), expected);
  }

 private:
  float dot(std::int64_t m, std::int64_t n) {
    const bool has_fma = default_kernels().isa != Isa::sse2;
    float sum = 0;
    for (std::size_t pair = 0; pair < a_offsets_.size(); ++pair) {
      for (std::int64_t k = 0; k < layout_.k; ++k) {
        const float a = a_[a_offsets_[pair] + m * layout_.a_row_stride + k * layout_.a_k_stride];
        const float b = b_[b_offsets_[pair] + k * ldb_ + n];
        sum = has_fma ? std::fma(a, b, sum) : a * b + sum;
      }
    }
    return sum;
  }

  std::int64_t tiles_, rows_, columns_, padded_;
  TileKernel kernel_;
  Layout layout_;
  std::int64_t ldb_, ldc_, a_pair_, b_pair_;
  GuardedArray<float> a_, b_, packed_b_, bias_, c_;
  std::vector<std::int64_t> a_offsets_, b_offsets_;
};

/// Calls body(rows, vectors) for every tile of the table.
template <class Body>
void for_each_tile(Body body) {
  for (std::int64_t vectors = 1; vectors <= kMaxTileVectors; ++vectors) {
    for (std::int64_t rows = 1; rows <= default_kernels().max_rows[vectors - 1]; ++rows) {
      SCOPED_TRACE("tile of " + std::to_string(rows) + " x " + std::to_string(vectors));
      body(rows, vectors);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

/// The layouts of their users: a dense product, a transposed one, packed blocks, a convolution with
/// strides and several filter rows; and the ends of the range of k and pairs.
std::vector<Layout> layouts(std::int64_t rows) {
  return {
      {.pairs = 1, .k = 7, .a_row_stride = 7, .a_k_stride = 1, .b_gap = 0, .c_gap = 0},
      {.pairs = 1, .k = 37, .a_row_stride = 37, .a_k_stride = 1, .b_gap = 0, .c_gap = 1},
      {.pairs = 1, .k = 16, .a_row_stride = 19, .a_k_stride = 1, .b_gap = 5, .c_gap = 3},
      {.pairs = 1, .k = 9, .a_row_stride = 1, .a_k_stride = rows + 2, .b_gap = 1, .c_gap = 40},
      {.pairs = 2, .k = 5, .a_row_stride = 1, .a_k_stride = rows, .b_gap = 0, .c_gap = 1},
      {.pairs = 3, .k = 6, .a_row_stride = 2, .a_k_stride = 1, .b_gap = 3, .c_gap = 7},
      {.pairs = 5, .k = 1, .a_row_stride = 3, .a_k_stride = 1, .b_gap = 0, .c_gap = 0},
      {.pairs = 1, .k = 1, .a_row_stride = 1, .a_k_stride = 1, .b_gap = 0, .c_gap = 0},
      {.pairs = 0, .k = 4, .a_row_stride = 4, .a_k_stride = 1, .b_gap = 0, .c_gap = 2},
  };
}

TEST(Microkernel, table_has_the_tiles_that_it_says) {
  const KernelTable& kernels = default_kernels();
  for (int vectors = 1; vectors <= kMaxTileVectors; ++vectors) {
    const std::int64_t most = kernels.max_rows[vectors - 1];
    EXPECT_GE(most, 1);
    EXPECT_LE(most, kMaxTileRows);
    for (std::int64_t rows = 1; rows <= kMaxTileRows; ++rows) {
      EXPECT_EQ(kernels.tile[vectors - 1][rows - 1] != nullptr, rows <= most)
          << rows << " x " << vectors;
    }
  }
}

TEST(Microkernel, tiles_fit_the_register_file) {
  const KernelTable& kernels = default_kernels();
  const bool large = kernels.isa == Isa::avx512 || kernels.isa == Isa::neon;
  const int registers = large ? 32 : 16;
  const int product = kernels.isa == Isa::sse2 ? 1 : 0;
  for (std::int64_t vectors = 1; vectors <= kMaxTileVectors; ++vectors) {
    EXPECT_LE(kernels.max_rows[vectors - 1] * vectors + vectors + 1 + product, registers);
  }
}

TEST(Microkernel, max_tile_rows_is_what_its_comment_says) {
  EXPECT_EQ(max_tile_rows(2, 32, true), 14);
  EXPECT_EQ(max_tile_rows(3, 32, true), 9);
  EXPECT_EQ(max_tile_rows(4, 32, true), 6);
  EXPECT_EQ(max_tile_rows(2, 16, true), 6);
  EXPECT_EQ(max_tile_rows(3, 16, true), 4);
  EXPECT_EQ(max_tile_rows(1, 32, true), kMaxTileRows);
}

TEST(Microkernel, every_tile_gives_the_documented_sum) {
  const std::int64_t width = default_kernels().vector_floats;
  for_each_tile([&](std::int64_t rows, std::int64_t vectors) {
    for (const Layout& layout : layouts(rows)) {
      for (const std::int64_t columns : {vectors * width, vectors * width - 1,
                                         (vectors - 1) * width + 1}) {
        SCOPED_TRACE(std::to_string(layout.pairs) + " pairs of k = " + std::to_string(layout.k) +
                     ", " + std::to_string(columns) + " columns");
        ASSERT_TRUE(TileRun(rows, vectors, columns, layout).check(Epilogue::store, 0));
        ASSERT_TRUE(TileRun(rows, vectors, columns, layout).check(Epilogue::add, 0));
        ASSERT_TRUE(TileRun(rows, vectors, columns, layout).check(Epilogue::bias, 0));
        ASSERT_TRUE(TileRun(rows, vectors, columns, layout).check(Epilogue::bias, -kInfinity));
      }
    }
  });
}

TEST(Microkernel, several_tiles_one_below_the_other) {
  const std::int64_t width = default_kernels().vector_floats;
  for_each_tile([&](std::int64_t rows, std::int64_t vectors) {
    for (const Layout& layout : layouts(3 * rows)) {
      for (const std::int64_t columns : {vectors * width, vectors * width - 1}) {
        SCOPED_TRACE(std::to_string(layout.pairs) + " pairs of k = " + std::to_string(layout.k));
        ASSERT_TRUE(TileRun(rows, vectors, columns, layout, 3).check(Epilogue::store, 0));
        ASSERT_TRUE(TileRun(rows, vectors, columns, layout, 3).check(Epilogue::add, 0, BRows::far));
        ASSERT_TRUE(TileRun(rows, vectors, columns, layout, 3).check(Epilogue::bias, 0, BRows::near, true));
      }
    }
  });
}

// Rows of B that are fetched or packed make the same sums.
TEST(Microkernel, fetches_and_packs_rows_of_b) {
  for_each_tile([&](std::int64_t rows, std::int64_t vectors) {
    for (const Layout& layout : layouts(rows)) {
      if (layout.pairs != 1) continue;
      SCOPED_TRACE("k = " + std::to_string(layout.k));
      for (const BRows b_rows : {BRows::far, BRows::packing}) {
        TileRun run(rows, vectors, vectors * default_kernels().vector_floats, layout);
        ASSERT_TRUE(run.check(Epilogue::add, 0, b_rows));
      }
    }
  });
}

// Nor does what is fetched of A for the next tiles change them, be it there or not.
TEST(Microkernel, fetches_the_next_rows_or_columns_of_a) {
  for_each_tile([&](std::int64_t rows, std::int64_t vectors) {
    for (const Layout& layout : layouts(rows)) {
      SCOPED_TRACE("k = " + std::to_string(layout.k));
      TileRun run(rows, vectors, vectors * default_kernels().vector_floats, layout);
      ASSERT_TRUE(run.check(Epilogue::store, 0, BRows::near, true));
    }
  });
}

TEST(Microkernel, every_column_count_of_a_tile) {
  const std::int64_t width = default_kernels().vector_floats;
  const Layout layout{
      .pairs = 2, .k = 5, .a_row_stride = 5, .a_k_stride = 1, .b_gap = 0, .c_gap = 1};
  for (std::int64_t vectors = 1; vectors <= kMaxTileVectors; ++vectors) {
    for (std::int64_t columns = (vectors - 1) * width + 1; columns <= vectors * width; ++columns) {
      SCOPED_TRACE(columns);
      ASSERT_TRUE(TileRun(2, vectors, columns, layout).check(Epilogue::add, 0));
      ASSERT_TRUE(TileRun(2, vectors, columns, layout).check(Epilogue::bias, 0));
    }
  }
}

TEST(Microkernel, long_sums) {
  const Layout layout{
      .pairs = 1, .k = 1000, .a_row_stride = 1000, .a_k_stride = 1, .b_gap = 0, .c_gap = 0};
  for_each_tile([&](std::int64_t rows, std::int64_t vectors) {
    ASSERT_TRUE(TileRun(rows, vectors, vectors * default_kernels().vector_floats, layout)
                    .check(Epilogue::store, 0));
  });
}

/// C of a 1-row tile of one vector for a sum of one product.
std::vector<float> one_product(float a, float b, float bias, Epilogue epilogue, float floor,
                               std::int64_t columns) {
  const std::int64_t width = default_kernels().vector_floats;
  const std::vector<float> b_row(static_cast<std::size_t>(width), b);
  const std::vector<float> biases(static_cast<std::size_t>(columns), bias);
  std::vector<float> c(static_cast<std::size_t>(columns), kNaN);
  const std::int64_t no_offset = 0;
  default_kernels().tile[0][0]({.a = &a,
                                .b = b_row.data(),
                                .c = c.data(),
                                .a_offsets = &no_offset,
                                .b_offsets = &no_offset,
                                .pairs = 1,
                                .k = 1,
                                .a_row_stride = 1,
                                .a_k_stride = 1,
                                .ldb = width,
                                .ldc = columns,
                                .columns = columns,
                                .epilogue = epilogue,
                                .bias = biases.data(),
                                .floor = floor});
  return c;
}

TEST(Microkernel, passes_nan_and_infinity_on) {
  for (const std::int64_t columns : {default_kernels().vector_floats, std::int64_t{1}}) {
    for (const float floor : {0.0F, -kInfinity}) {
      const auto with = [&](float a, float b, float bias) {
        return one_product(a, b, bias, Epilogue::bias, floor, columns);
      };
      const auto all = [&](float value) {
        return std::vector<float>(static_cast<std::size_t>(columns), value);
      };
      EXPECT_TRUE(all_equal(with(kNaN, 1, 0), all(kNaN)));
      EXPECT_TRUE(all_equal(with(1, kNaN, 0), all(kNaN)));
      EXPECT_TRUE(all_equal(with(1, 1, kNaN), all(kNaN)));
      EXPECT_TRUE(all_equal(with(kInfinity, 0, 0), all(kNaN)));
      EXPECT_TRUE(all_equal(with(kInfinity, 1, 0), all(kInfinity)));
      EXPECT_TRUE(all_equal(with(kInfinity, -1, 0), all(floor)));
    }
  }
}

// C is not read unless it is added to: it may hold anything.
TEST(Microkernel, store_and_bias_do_not_read_c) {
  for (const std::int64_t columns : {default_kernels().vector_floats, std::int64_t{1}}) {
    const std::vector<float> six(static_cast<std::size_t>(columns), 6.0F);
    EXPECT_TRUE(all_equal(one_product(2, 3, 1, Epilogue::store, 0, columns), six));
    EXPECT_TRUE(all_equal(one_product(2, 2, 2, Epilogue::bias, 0, columns), six));
  }
}

}  // namespace
}  // namespace tilewise::simd
