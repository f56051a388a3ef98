#include "tilewise/simd/gemm.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "support/guarded_array.hpp"
#include "support/random_data.hpp"
#include "support/reference.hpp"
#include "support/tolerance.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/core/parallel.hpp"

namespace tilewise::simd {
namespace {

using ::testing::HasSubstr;
using testing::all_equal;
using testing::all_near;
using testing::fill_random;
using testing::GuardedArray;
using testing::Pattern;
using testing::random_values;
using testing::same_bits;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr Transpose kBoth[] = {Transpose::no, Transpose::yes};

struct Sizes {
  std::int64_t m, n, k;
};

std::string describe(const GemmArgs& args) {
  const auto letter = [](Transpose t) { return t == Transpose::no ? "N" : "T"; };
  return std::string(letter(args.transpose_a)) + letter(args.transpose_b) +
         " m=" + std::to_string(args.m) + " n=" + std::to_string(args.n) +
         " k=" + std::to_string(args.k) + " lda=" + std::to_string(args.lda) +
         " ldb=" + std::to_string(args.ldb) + " ldc=" + std::to_string(args.ldc) +
         " alpha=" + std::to_string(args.alpha) + " beta=" + std::to_string(args.beta);
}

/// Rows of `columns` values, `ld` apart, nothing after the last; NaN in the gaps.
std::vector<float> matrix(std::int64_t rows, std::int64_t columns, std::int64_t ld,
                          std::uint32_t seed, Pattern pattern) {
  std::vector<float> values(static_cast<std::size_t>(rows == 0 ? 0 : (rows - 1) * ld + columns),
                            kNaN);
  for (std::int64_t row = 0; row < rows; ++row) {
    fill_random(std::span(values).subspan(static_cast<std::size_t>(row * ld),
                                          static_cast<std::size_t>(columns)),
                seed + static_cast<std::uint32_t>(row), pattern);
  }
  return values;
}

/// One product with guarded operands and a workspace of just the size that was asked for.
class GemmRun {
 public:
  /// `gap`: how much longer than its row each leading dimension is.
  GemmRun(GemmArgs args, std::int64_t gap, Pattern pattern)
      : args_(with_leading_dimensions(args, gap)),
        a_(args.transpose_a == Transpose::no ? matrix(args.m, args.k, args_.lda, 1, pattern)
                                             : matrix(args.k, args.m, args_.lda, 1, pattern)),
        b_(args.transpose_b == Transpose::no ? matrix(args.k, args.n, args_.ldb, 2, pattern)
                                             : matrix(args.n, args.k, args_.ldb, 2, pattern)),
        c_(matrix(args.m, args.n, args_.ldc, 3, pattern)) {
    if (args.beta == 0) {  // not to be read
      for (float& value : c_) value = kNaN;
    }
  }

  std::vector<float> run(int threads) const {
    Executor executor(threads);
    const KernelTable& kernels = default_kernels();
    const GuardedArray<float> a(a_);
    const GuardedArray<float> b(b_);
    GuardedArray<float> c(c_);
    GuardedArray<float> scratch(gemm_workspace(kernels, threads, args_.m, args_.n, args_.k));
    GemmArgs args = args_;
    args.a = a.data();
    args.b = b.data();
    args.c = c.data();
    gemm(kernels, executor, args,
         Workspace(scratch.data(), static_cast<std::int64_t>(scratch.span().size())));
    EXPECT_TRUE(a.intact() && b.intact() && c.intact() && scratch.intact());
    EXPECT_TRUE(same_bits(a.span(), a_));
    EXPECT_TRUE(same_bits(b.span(), b_));
    return {c.span().begin(), c.span().end()};
  }

  std::vector<double> expected() const {
    std::vector<double> c = testing::widen(c_);
    reference::gemm(args_, testing::widen(a_).data(), testing::widen(b_).data(), c.data());
    return c;
  }

  /// k products, one rounding for alpha, one for beta, one for their sum.
  std::vector<double> bounds() const {
    GemmArgs magnitude = args_;
    magnitude.alpha = std::abs(args_.alpha);
    magnitude.beta = std::abs(args_.beta);
    std::vector<double> c = testing::magnitudes(c_);
    reference::gemm(magnitude, testing::magnitudes(a_).data(), testing::magnitudes(b_).data(),
                    c.data());
    return testing::bounds(static_cast<double>(args_.k) + 3, c);
  }

  const GemmArgs& args() const { return args_; }

 private:
  static GemmArgs with_leading_dimensions(GemmArgs args, std::int64_t gap) {
    const auto at_least_one = [](std::int64_t ld) { return std::max<std::int64_t>(1, ld); };
    args.lda = at_least_one(args.transpose_a == Transpose::no ? args.k : args.m) + gap;
    args.ldb = at_least_one(args.transpose_b == Transpose::no ? args.n : args.k) + gap;
    args.ldc = at_least_one(args.n) + gap;
    return args;
  }

  GemmArgs args_;
  std::vector<float> a_, b_, c_;
};

void check(const GemmArgs& args, std::int64_t gap, int threads = 1) {
  SCOPED_TRACE(describe(args) + " gap=" + std::to_string(gap));
  // Small integers: exact, so that a single term too many or too few shows.
  const GemmRun exact(args, gap, Pattern::integers);
  ASSERT_TRUE(all_equal(exact.run(threads), exact.expected()));
  const GemmRun real(args, gap, Pattern::spread);
  ASSERT_TRUE(all_near(real.run(threads), real.expected(), real.bounds()));
}

/// Calls body(transpose_a, transpose_b) for NN, NT, TN and TT.
template <class Body>
void for_each_transpose(Body body) {
  for (const Transpose a : kBoth) {
    for (const Transpose b : kBoth) {
      body(a, b);
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

TEST(Gemm, small_sizes) {
  constexpr std::int64_t kSizes[] = {0, 1, 2, 3, 7, 16, 17};
  for (const std::int64_t m : kSizes) {
    for (const std::int64_t n : kSizes) {
      for (const std::int64_t k : kSizes) {
        for_each_transpose([&](Transpose a, Transpose b) {
          check({.transpose_a = a, .transpose_b = b, .m = m, .n = n, .k = k}, (m + n + k) % 3);
        });
        if (HasFatalFailure()) return;
      }
    }
  }
}

// Around the edges of tiles (up to 14 rows, 64 columns), of blocks of A (168 rows), of tasks (504 rows of up
// to 64 columns, 1024 columns), of the panels of B (256 rows), past several at once, and with rows of A so
// far apart that they are packed. Narrow ones by dots (256 terms and more) and swapped (A transposed, 64 rows).
TEST(Gemm, awkward_sizes) {
  constexpr Sizes kSizes[] = {
      {5, 23, 29},   {13, 31, 11},   {14, 32, 64},   {15, 33, 65},   {29, 47, 53},   {31, 63, 17},
      {12, 64, 9},   {6, 65, 100},   {1, 10, 128},   {128, 10, 128}, {10, 1, 300},   {1, 1, 1000},
      {97, 101, 89}, {111, 48, 20},  {112, 49, 20},  {113, 50, 20},  {224, 15, 8},   {225, 16, 7},
      {3, 255, 10},  {3, 256, 10},   {3, 257, 10},   {20, 288, 5},   {20, 289, 5},   {2, 511, 3},
      {2, 513, 3},   {7, 10, 255},   {7, 10, 256},   {7, 10, 257},   {8, 70, 511},   {8, 70, 513},
      {130, 290, 270}, {83, 70, 20},  {84, 70, 20},  {85, 70, 20},  {503, 20, 9},  {505, 70, 300},
      {90, 200, 512}, {505, 20, 9},   {1010, 64, 300}, {100, 1030, 270}, {7, 1025, 20},
      {64, 1, 16},    {70, 10, 40},   {129, 5, 300},   {100, 33, 20},    {65, 9, 2100}, {3, 10, 9000},
      {83, 300, 30},  {16, 256, 30},  {100, 512, 20}, {170, 256, 600}, {300, 150, 20}, {14, 300, 40},
      {167, 256, 50},  {168, 256, 50}, {169, 256, 50},
  };
  for (const Sizes& sizes : kSizes) {
    for_each_transpose([&](Transpose a, Transpose b) {
      check({.transpose_a = a, .transpose_b = b, .m = sizes.m, .n = sizes.n, .k = sizes.k}, 0);
    });
    if (HasFatalFailure()) return;
  }
}

TEST(Gemm, past_the_cache_block_of_columns) {
  for (const std::int64_t n : {3072, 3073, 3200}) {
    check({.transpose_b = Transpose::yes, .m = 3, .n = n, .k = 5}, 1);
    check({.m = 3, .n = n, .k = 300, .alpha = -0.5F, .beta = 0.5F}, 0);
    if (HasFatalFailure()) return;
  }
}

TEST(Gemm, alpha_and_beta) {
  constexpr Sizes kSizes[] = {{1, 1, 1},    {5, 7, 3}, {15, 33, 17}, {4, 70, 300},
                              {65, 9, 260}, {7, 10, 4200}, {3, 4, 0}};
  for (const Sizes& sizes : kSizes) {
    for (const float alpha : {1.0F, 0.0F, -0.5F}) {
      for (const float beta : {0.0F, 1.0F, 0.5F}) {
        for_each_transpose([&](Transpose a, Transpose b) {
          check({.transpose_a = a,
                 .transpose_b = b,
                 .m = sizes.m,
                 .n = sizes.n,
                 .k = sizes.k,
                 .alpha = alpha,
                 .beta = beta},
                2);
        });
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST(Gemm, leading_dimensions_longer_than_rows) {
  for (const std::int64_t gap : {1, 5, 64}) {
    for_each_transpose([&](Transpose a, Transpose b) {
      check({.transpose_a = a, .transpose_b = b, .m = 17, .n = 37, .k = 19, .beta = 1}, gap);
      check({.transpose_a = a, .transpose_b = b, .m = 30, .n = 200, .k = 40}, gap);
    });
    if (HasFatalFailure()) return;
  }
}

TEST(Gemm, several_threads) { check({.m = 230, .n = 530, .k = 300}, 3, 3); }

// Large enough that both the packing and the products really are spread over threads.
TEST(Gemm, same_bits_on_any_number_of_threads) {
  constexpr Sizes kSizes[] = {{230, 530, 300}, {40, 3100, 256}, {300, 10, 4000}, {1000, 64, 130},
                              {400, 10, 5000}, {1, 3100, 1200}, {1, 1100, 1024}};
  for (const Sizes& sizes : kSizes) {
    for_each_transpose([&](Transpose transpose_a, Transpose transpose_b) {
      for (const float alpha : {1.0F, 0.7F}) {
        const GemmRun run({.transpose_a = transpose_a,
                           .transpose_b = transpose_b,
                           .m = sizes.m,
                           .n = sizes.n,
                           .k = sizes.k,
                           .alpha = alpha,
                           .beta = 0.3F},
                          0, Pattern::uniform);
        SCOPED_TRACE(describe(run.args()));
        const std::vector<float> alone = run.run(1);
        for (const int threads : {2, 3, 8}) ASSERT_TRUE(same_bits(run.run(threads), alone));
      }
    });
  }
}

// An image's result does not depend on the batch that it is in.
TEST(Gemm, rows_do_not_depend_on_how_many_there_are) {
  for (const Transpose transpose_b : kBoth) {
    for (const auto& [n, k] : {std::pair{10, 1600}, {130, 300}, {64, 40}, {48, 1100}, {1100, 600}, {1100, 1024}}) {
      const std::vector<float> a = random_values(300 * k, 1);
      const std::vector<float> b = random_values(n * k, 2);
      const auto rows = [&](std::int64_t m, int threads) {
        Executor executor(threads);
        std::vector<float> c(static_cast<std::size_t>(m * n));
        GuardedArray<float> scratch(gemm_workspace(default_kernels(), threads, m, n, k));
        gemm(default_kernels(), executor,
             {.transpose_b = transpose_b, .m = m, .n = n, .k = k, .a = a.data(), .lda = k,
              .b = b.data(), .ldb = transpose_b == Transpose::no ? n : k, .c = c.data(), .ldc = n},
             Workspace(scratch.data(), static_cast<std::int64_t>(scratch.span().size())));
        return c;
      };
      const std::vector<float> all = rows(300, 3);
      for (const std::int64_t m : {1, 2, 13, 100}) {
        const std::vector<float> some(all.begin(), all.begin() + m * n);
        EXPECT_TRUE(same_bits(rows(m, m == 1 ? 2 : 1), some)) << m << " x " << n << " x " << k;
      }
    }
  }
}

// Sums of a thread's rows, kept for the end, are behind a row of C for each thread.
TEST(Gemm, threads_share_rows_of_a_large_b_for_a_single_row) {
  const auto keeps_sums = [](std::int64_t n, std::int64_t k, int threads) {
    Executor executor(threads);
    const std::vector<float> a = random_values(k, 1), b = random_values(n * k, 2);
    std::vector<float> c(static_cast<std::size_t>(n));
    std::vector<float> scratch(static_cast<std::size_t>(gemm_workspace(default_kernels(), threads, 1, n, k)), kNaN);
    gemm(default_kernels(), executor,
         {.m = 1, .n = n, .k = k, .a = a.data(), .lda = k, .b = b.data(), .ldb = n, .c = c.data(), .ldc = n},
         Workspace(scratch.data(), static_cast<std::int64_t>(scratch.size())));
    return !std::isnan(scratch[static_cast<std::size_t>(threads * 1024)]);
  };
  EXPECT_TRUE(keeps_sums(1024, 1024, 2));
  EXPECT_FALSE(keeps_sums(1024, 1024, 1));
  EXPECT_FALSE(keeps_sums(1024, 1020, 2));
  EXPECT_TRUE(keeps_sums(2048, 1024, 2));
  EXPECT_FALSE(keeps_sums(2049, 1024, 2));
}

// Swapped, from 64 rows, or in blocks: the same bits. With another alpha than 1 B is what is scaled.
TEST(Gemm, rows_of_a_transposed_a_do_not_depend_on_how_many_there_are) {
  constexpr std::int64_t kRows = 150, n = 10, k = 1100;
  const std::vector<float> a = random_values(k * kRows, 1), b = random_values(n * k, 2);
  for (const float alpha : {1.0F, 0.7F}) {
    for (const Transpose transpose_b : kBoth) {
      const auto rows = [&](std::int64_t m) {
        Executor executor(1);
        std::vector<float> c(static_cast<std::size_t>(m * n), 0.5F);
        GuardedArray<float> scratch(gemm_workspace(default_kernels(), 1, m, n, k));
        gemm(default_kernels(), executor,
             {.transpose_a = Transpose::yes, .transpose_b = transpose_b, .m = m, .n = n, .k = k, .alpha = alpha,
              .a = a.data(), .lda = kRows, .b = b.data(), .ldb = transpose_b == Transpose::no ? n : k, .beta = 1,
              .c = c.data(), .ldc = n},
             Workspace(scratch.data(), static_cast<std::int64_t>(scratch.span().size())));
        return c;
      };
      const std::vector<float> all = rows(kRows);
      for (const std::int64_t m : {1, 13, 63, 64, 65, 128}) {
        const std::vector<float> some(all.begin(), all.begin() + m * n);
        EXPECT_TRUE(same_bits(rows(m), some)) << m << " rows, alpha " << alpha;
      }
    }
  }
}

// By dots and swapped: what is not finite stays in its row of A and its column of B.
TEST(Gemm, passes_nan_on_in_narrow_products) {
  constexpr std::int64_t m = 70, n = 10, k = 300;
  for (const Transpose transpose_a : kBoth) {
    std::vector<float> a(m * k, 1), b(k * n, 1), c(m * n);
    a[transpose_a == Transpose::no ? 3 * k + 299 : 299 * m + 3] = kNaN;
    b[17 * n + 9] = std::numeric_limits<float>::infinity();
    Executor executor(1);
    GuardedArray<float> scratch(gemm_workspace(default_kernels(), 1, m, n, k));
    gemm(default_kernels(), executor,
         {.transpose_a = transpose_a, .m = m, .n = n, .k = k, .a = a.data(),
          .lda = transpose_a == Transpose::no ? k : m, .b = b.data(), .ldb = n, .c = c.data(), .ldc = n},
         Workspace(scratch.data(), static_cast<std::int64_t>(scratch.span().size())));
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t j = 0; j < n; ++j) {
        const float value = c[static_cast<std::size_t>(i * n + j)];
        ASSERT_EQ(std::isnan(value), i == 3) << i << ", " << j;
        ASSERT_EQ(std::isinf(value), i != 3 && j == 9) << i << ", " << j;
      }
    }
  }
}

TEST(Gemm, tells_how_it_computes) {
  const auto kernel = [](const GemmArgs& args) { return gemm_kernel(default_kernels(), args, 1); };
  EXPECT_EQ(kernel({.m = 100, .n = 1, .k = 1000}), "gemm dots");
  EXPECT_EQ(kernel({.transpose_a = Transpose::yes, .m = 100, .n = 1, .k = 100}), "gemm swapped");
  EXPECT_EQ(kernel({.m = 1, .n = 128, .k = 100}), "gemm row");
  EXPECT_THAT(kernel({.m = 100, .n = 128, .k = 100}), ::testing::MatchesRegex("gemm [0-9]+x[0-9]"));
}

TEST(Gemm, repeats_itself) {
  const GemmRun run({.m = 230, .n = 530, .k = 300}, 0, Pattern::uniform);
  const std::vector<float> first = run.run(3);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(same_bits(run.run(3), first));
}

TEST(Gemm, passes_nan_and_infinity_on) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> a{1, kNaN, kInfinity, 1};
  const std::vector<float> b{1, 1, 0, 1};
  std::vector<float> c(4);
  Executor executor(1);
  std::vector<float> scratch(
      static_cast<std::size_t>(gemm_workspace(default_kernels(), 1, 2, 2, 2)));
  gemm(default_kernels(), executor,
       {.m = 2, .n = 2, .k = 2, .a = a.data(), .lda = 2, .b = b.data(), .ldb = 2, .c = c.data(),
        .ldc = 2},
       Workspace(scratch.data(), static_cast<std::int64_t>(scratch.size())));
  EXPECT_TRUE(all_equal(c, std::vector<float>{kNaN, kNaN, kInfinity, kInfinity}));
}

// A workspace is booked once, for a full batch; the last batch of an epoch is smaller. The guarded
// array shows whether the booking is exceeded.
TEST(Gemm, a_booking_serves_every_smaller_product) {
  constexpr std::int64_t kMost = 300;
  constexpr int kThreads = 3;
  Executor executor(kThreads);
  const std::vector<float> a = random_values(kMost * kMost, 1);
  const std::vector<float> b = random_values(kMost * kMost, 2);
  std::vector<float> c(static_cast<std::size_t>(kMost * kMost));
  const std::int64_t booked = gemm_workspace(default_kernels(), kThreads, kMost, kMost, kMost);
  GuardedArray<float> scratch(booked);
  for (const std::int64_t size : {0, 1, 10, 96, 100, 112, 113, 128, 200, 255, 256, 257, 299}) {
    for (int which = 0; which < 3; ++which) {
      for_each_transpose([&](Transpose transpose_a, Transpose transpose_b) {
        GemmArgs args{.transpose_a = transpose_a, .transpose_b = transpose_b, .m = kMost, .n = kMost, .k = kMost,
                      .a = a.data(), .lda = kMost, .b = b.data(), .ldb = kMost, .c = c.data(), .ldc = kMost};
        (which == 0 ? args.m : which == 1 ? args.n : args.k) = size;
        SCOPED_TRACE(describe(args));
        ASSERT_LE(gemm_workspace(default_kernels(), kThreads, args.m, args.n, args.k), booked);
        gemm(default_kernels(), executor, args, Workspace(scratch.data(), booked));
        ASSERT_TRUE(scratch.intact());
      });
    }
  }
}

std::string error_of(const GemmArgs& args) {
  Executor executor(1);
  try {
    gemm(default_kernels(), executor, args, Workspace());
  } catch (const ArgumentError& error) {
    return error.what();
  }
  return "no ArgumentError";
}

TEST(Gemm, rejects_bad_arguments) {
  GemmArgs args{.m = 2, .n = 3, .k = 4, .lda = 4, .ldb = 3, .ldc = 3};
  for (std::int64_t GemmArgs::*size : {&GemmArgs::m, &GemmArgs::n, &GemmArgs::k}) {
    GemmArgs bad = args;
    bad.*size = -1;
    EXPECT_THAT(error_of(bad), HasSubstr("must not be negative"));
  }
  GemmArgs bad = args;
  bad.lda = 3;
  EXPECT_EQ(error_of(bad), "gemm: lda = 3 is shorter than a row of 4");
  bad.transpose_a = Transpose::yes;
  bad.lda = 1;
  EXPECT_EQ(error_of(bad), "gemm: lda = 1 is shorter than a row of 2");
  bad = args;
  bad.ldb = 2;
  EXPECT_EQ(error_of(bad), "gemm: ldb = 2 is shorter than a row of 3");
  bad.transpose_b = Transpose::yes;
  bad.ldb = 3;
  EXPECT_EQ(error_of(bad), "gemm: ldb = 3 is shorter than a row of 4");
  bad = args;
  bad.ldc = 0;
  EXPECT_EQ(error_of(bad), "gemm: ldc = 0 is shorter than a row of 3");
  bad = {.m = 0, .n = 0, .k = 0, .lda = 0, .ldb = 1, .ldc = 1};
  EXPECT_EQ(error_of(bad), "gemm: lda = 0 is shorter than a row of 0");
}

}  // namespace
}  // namespace tilewise::simd
