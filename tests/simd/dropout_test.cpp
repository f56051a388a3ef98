#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "support/guarded_array.hpp"
#include "support/random_data.hpp"
#include "support/reference.hpp"
#include "support/tested_kernels.hpp"
#include "support/tolerance.hpp"
#include "support/vector_sizes.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {
namespace {

using testing::GuardedArray;
using testing::random_values;
using testing::same_bits;

TILEWISE_TESTS_KERNEL(dropout);

DropoutArgs with_rate(double rate) {
  return {.key = {0x01234567, 0x89abcdef},
          .counter = {1, 2, 0x03000004},
          .threshold = static_cast<std::uint32_t>(rate * 0x1p32),
          .scale = static_cast<float>(1 / (1 - rate))};
}

std::vector<float> run(const KernelTable& kernels, const DropoutArgs& args, std::int64_t first,
                       const std::vector<float>& values) {
  const GuardedArray<float> src(values);
  GuardedArray<float> dst(static_cast<std::int64_t>(values.size()));
  kernels.dropout(args, first, static_cast<std::int64_t>(values.size()), src.data(), dst.data());
  EXPECT_TRUE(src.intact() && dst.intact());
  return {dst.span().begin(), dst.span().end()};
}

// To the bit, and so the same under every instruction set.
TEST(Dropout, matches_the_reference_wherever_a_range_begins) {
  const DropoutArgs args = with_rate(0.4);
  for (const Isa isa : supported_isas()) {
    for (const std::int64_t first :
         {std::int64_t{0}, std::int64_t{1}, std::int64_t{15}, std::int64_t{16}, std::int64_t{63},
          std::int64_t{64}, std::int64_t{65}, std::int64_t{1000}, (std::int64_t{1} << 32) - 3}) {
      for (const std::int64_t n : testing::vector_sizes()) {
        const std::vector<float> src = random_values(n, 1);
        std::vector<float> expected(src.size());
        reference::dropout(args, first, n, src.data(), expected.data());
        ASSERT_TRUE(same_bits(run(kernel_table(isa), args, first, src), expected))
            << isa_name(isa) << " first=" << first << " n=" << n;
      }
    }
  }
}

TEST(Dropout, does_not_depend_on_how_a_range_is_cut) {
  const DropoutArgs args = with_rate(0.5);
  const std::vector<float> src = random_values(500, 1);
  const std::vector<float> whole = run(default_kernels(), args, 10, src);
  for (const std::size_t cut : {1, 7, 54, 64, 100, 499}) {
    const auto middle = src.begin() + static_cast<std::ptrdiff_t>(cut);
    std::vector<float> pieces = run(default_kernels(), args, 10, {src.begin(), middle});
    const std::vector<float> rest = run(default_kernels(), args,
                                        10 + static_cast<std::int64_t>(cut), {middle, src.end()});
    pieces.insert(pieces.end(), rest.begin(), rest.end());
    EXPECT_TRUE(same_bits(pieces, whole)) << cut;
  }
}

TEST(Dropout, works_in_place) {
  const DropoutArgs args = with_rate(0.3);
  std::vector<float> values = random_values(333, 1);
  const std::vector<float> expected = run(default_kernels(), args, 5, values);
  default_kernels().dropout(args, 5, 333, values.data(), values.data());
  EXPECT_TRUE(same_bits(values, expected));
}

TILEWISE_TESTS_KERNEL(dropout_backward);

TEST(DropoutBackward, drops_what_was_dropped) {
  const DropoutArgs args = with_rate(0.5);
  for (const std::int64_t n : testing::vector_sizes()) {
    std::vector<float> src = random_values(n, 1);
    // Zeros of both signs that are kept, and a product that is one.
    for (std::size_t i = 0; i < src.size(); i += 3) src[i] = i % 2 == 0 ? -0.0F : 0.0F;
    if (!src.empty()) src.back() = -0x1p-149F;
    const GuardedArray<float> dst(run(default_kernels(), args, 3, src));
    const GuardedArray<float> d_dst(random_values(n, 2));
    GuardedArray<float> d_src(n);
    default_kernels().dropout_backward(args.scale, n, dst.data(), d_dst.data(), d_src.data());
    ASSERT_TRUE(dst.intact() && d_dst.intact() && d_src.intact());
    std::vector<float> expected;
    for (std::int64_t i = 0; i < n; ++i) {
      const bool dropped = reference::dropout_bits(args, 3 + i) < args.threshold;
      expected.push_back(dropped ? 0.0F : args.scale * d_dst.data()[i]);
    }
    ASSERT_TRUE(same_bits(d_src.span(), expected));
    default_kernels().dropout_backward(args.scale, n, dst.data(), d_src.data(), d_src.data());
    reference::dropout_backward(args.scale, n, dst.data(), expected.data(), expected.data());
    ASSERT_TRUE(same_bits(d_src.span(), expected));  // in place
  }
}

TEST(Dropout, drops_its_rate) {
  constexpr int kElements = 100'000;
  for (const double rate : {0.1, 0.25, 0.5, 0.9}) {
    const DropoutArgs args = with_rate(rate);
    const std::vector<float> dst =
        run(default_kernels(), args, 0, std::vector<float>(kElements, 1.0F));
    std::int64_t dropped = 0;
    for (const float value : dst) {
      ASSERT_TRUE(value == 0 || value == args.scale);
      if (value == 0) ++dropped;
    }
    // Five standard deviations of a binomial count.
    EXPECT_NEAR(static_cast<double>(dropped), rate * kElements,
                5 * std::sqrt(kElements * rate * (1 - rate)));
  }
}

TEST(Dropout, neighbours_are_independent) {
  constexpr int kElements = 100'000;
  const std::vector<float> dst =
      run(default_kernels(), with_rate(0.5), 0, std::vector<float>(kElements, 1.0F));
  for (const std::size_t distance : {1, 2, 4, 8, 16, 32, 64, 128}) {
    int equal = 0;
    for (std::size_t i = 0; i + distance < dst.size(); ++i) {
      if ((dst[i] == 0) == (dst[i + distance] == 0)) ++equal;
    }
    EXPECT_NEAR(equal, kElements / 2, 5 * std::sqrt(kElements * 0.25) + 64) << distance;
  }
}

TEST(Dropout, differs_by_key_and_counter) {
  const std::vector<float> ones(256, 1.0F);
  const DropoutArgs base = with_rate(0.5);
  const std::vector<float> first = run(default_kernels(), base, 0, ones);
  for (int word = 0; word < 5; ++word) {
    DropoutArgs other = base;
    (word < 2 ? other.key[word] : other.counter[word - 2]) += 1;
    EXPECT_FALSE(same_bits(run(default_kernels(), other, 0, ones), first)) << word;
  }
}

TEST(Dropout, of_rate_zero_copies) {
  const std::vector<float> src = random_values(130, 1);
  EXPECT_TRUE(same_bits(run(default_kernels(), with_rate(0), 7, src), src));
}

TEST(Dropout, drops_nan_and_infinity_too) {
  const DropoutArgs args = with_rate(0.5);
  for (const float value : {std::numeric_limits<float>::quiet_NaN(),
                            std::numeric_limits<float>::infinity()}) {
    const std::vector<float> dst = run(default_kernels(), args, 0, std::vector<float>(100, value));
    for (std::size_t i = 0; i < dst.size(); ++i) {
      const bool dropped =
          reference::dropout_bits(args, static_cast<std::int64_t>(i)) < args.threshold;
      ASSERT_EQ(dst[i] == 0, dropped) << i;
    }
  }
}

}  // namespace
}  // namespace tilewise::simd
