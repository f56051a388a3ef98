#include "tilewise/core/random.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <set>
#include <vector>

namespace tilewise {
namespace {

using ::testing::ElementsAre;

// Philox's authors publish these ("kat_vectors" of Random123, philox4x32 10).
TEST(Philox, gives_the_published_answers) {
  EXPECT_THAT(philox4x32({0, 0, 0, 0}, {0, 0}),
              ElementsAre(0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8));
  constexpr std::uint32_t kOnes = 0xffffffff;
  EXPECT_THAT(philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
              ElementsAre(0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd));
  // The digits of pi.
  EXPECT_THAT(
      philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
      ElementsAre(0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1));
}

TEST(RandomStream, lays_out_key_and_counter_as_documented) {
  const RandomStream stream{.seed = 0x0123456789abcdef,
                            .purpose = RandomPurpose::dropout,
                            .index = 0x00fedcba,
                            .step = 0x13579bdf};
  EXPECT_THAT(stream.key(), ElementsAre(0x89abcdef, 0x01234567));
  EXPECT_THAT(stream.counter(0x0011223344556677),
              ElementsAre(0x44556677, 0x00112233, 0x13579bdf, 0x03fedcba));
}

TEST(RandomStream, keeps_the_index_out_of_the_purpose) {
  const RandomStream stream{.purpose = RandomPurpose::shuffle, .index = 0xff000001};
  EXPECT_EQ(stream.counter(0)[3], 0x02000001U);
}

TEST(RandomStream, numbers_are_the_words_of_its_blocks) {
  const RandomStream stream{.seed = 42, .purpose = RandomPurpose::initializer};
  for (const std::uint64_t block : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 40}) {
    const auto words = philox4x32(stream.counter(block), stream.key());
    for (std::uint64_t word = 0; word < 4; ++word) {
      EXPECT_EQ(stream.bits(4 * block + word), words[word]);
    }
  }
}

TEST(RandomStream, differs_in_every_field) {
  const RandomStream base{.seed = 1, .purpose = RandomPurpose::dropout, .index = 1, .step = 1};
  std::array<RandomStream, 5> streams{base, base, base, base, base};
  streams[1].seed = 2;
  streams[2].purpose = RandomPurpose::augment;
  streams[3].index = 2;
  streams[4].step = 2;
  std::set<std::uint32_t> numbers;
  for (const RandomStream& stream : streams) {
    for (std::uint64_t n = 0; n < 100; ++n) numbers.insert(stream.bits(n));
  }
  // 500 draws of 32 bits: the chance of even one that comes twice is 3e-5, and the draws are fixed.
  EXPECT_EQ(numbers.size(), 500U);
}

TEST(RandomStream, is_uniform) {
  const RandomStream stream{.seed = 7, .purpose = RandomPurpose::initializer};
  constexpr int kDraws = 100'000;
  constexpr int kBins = 16;
  std::array<int, kBins> bins{};
  double sum = 0;
  for (std::uint64_t n = 0; n < kDraws; ++n) {
    const float value = stream.uniform(n);
    ASSERT_GE(value, 0.0F);
    ASSERT_LT(value, 1.0F);
    ASSERT_EQ(std::ldexp(value, 24), std::floor(std::ldexp(value, 24)));
    sum += value;
    ++bins[static_cast<std::size_t>(value * kBins)];
  }
  // Five standard deviations: sqrt(1/12 / draws) of the mean, sqrt(draws p (1 - p)) of a bin.
  EXPECT_NEAR(sum / kDraws, 0.5, 5 * std::sqrt(1.0 / 12 / kDraws));
  const double p = 1.0 / kBins;
  for (const int count : bins) {
    EXPECT_NEAR(count, kDraws * p, 5 * std::sqrt(kDraws * p * (1 - p)));
  }
}

TEST(RandomStream, uniform_is_the_top_24_bits) {
  const RandomStream stream{.seed = 3, .purpose = RandomPurpose::augment};
  for (std::uint64_t n = 0; n < 20; ++n) {
    EXPECT_EQ(stream.uniform(n), static_cast<float>(stream.bits(n) >> 8) / 16777216.0F);
  }
}

std::vector<std::int32_t> permutation(std::size_t size, const RandomStream& stream) {
  std::vector<std::int32_t> order(size, -1);
  random_permutation(stream, order);
  return order;
}

std::vector<std::int32_t> identity(std::size_t size) {
  std::vector<std::int32_t> order(size);
  std::iota(order.begin(), order.end(), 0);
  return order;
}

TEST(RandomPermutation, has_every_number_once) {
  for (const std::size_t size : {0, 1, 2, 3, 10, 1000, 60'000}) {
    auto order = permutation(size, {.seed = 5, .purpose = RandomPurpose::shuffle});
    if (size >= 10) {
      EXPECT_NE(order, identity(size));
    }
    std::ranges::sort(order);
    EXPECT_EQ(order, identity(size));
  }
}

TEST(RandomPermutation, depends_on_seed_and_step_alone) {
  const RandomStream first{.seed = 5, .purpose = RandomPurpose::shuffle, .step = 1};
  RandomStream other_step = first;
  other_step.step = 2;
  RandomStream other_seed = first;
  other_seed.seed = 6;
  EXPECT_EQ(permutation(100, first), permutation(100, first));
  EXPECT_NE(permutation(100, first), permutation(100, other_step));
  EXPECT_NE(permutation(100, first), permutation(100, other_seed));
}

TEST(RandomPermutation, is_fair) {
  // Each of the 24 orders of 4 things, in 24,000 draws: 1000 +- five standard deviations.
  std::vector<int> counts(24);
  std::vector<std::vector<std::int32_t>> orders;
  for (auto order = identity(4); orders.empty() || order != identity(4);
       std::ranges::next_permutation(order)) {
    orders.push_back(order);
  }
  for (std::uint32_t step = 0; step < 24'000; ++step) {
    const auto order =
        permutation(4, {.seed = 9, .purpose = RandomPurpose::shuffle, .step = step});
    const auto found = std::ranges::find(orders, order);
    ++counts[static_cast<std::size_t>(found - orders.begin())];
  }
  const double deviation = std::sqrt(24'000 * (1.0 / 24) * (23.0 / 24));
  for (const int count : counts) EXPECT_NEAR(count, 1000, 5 * deviation);
}

}  // namespace
}  // namespace tilewise
