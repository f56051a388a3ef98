#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace tilewise {

/// Philox-4x32-10: a bijection of a 128-bit counter under a 64-bit key, good enough to be used as
/// four independent uniform 32-bit numbers.
/// J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC'11,
/// doi:10.1145/2063384.2063405, section 3.3 and table 2.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key);

/// What a random number is for. Part of the counter, so that two uses never share numbers.
enum class RandomPurpose : std::uint32_t { initializer = 1, shuffle = 2, dropout = 3, augment = 4 };

/// Names one sequence of random numbers. The n-th number of a stream is a pure function of these
/// fields and n, so it does not depend on threads, on order, or on what was drawn before.
struct RandomStream {
  std::uint64_t seed = 0;
  RandomPurpose purpose{};
  std::uint32_t index = 0;  ///< which parameter or layer; 24 bits are used
  std::uint32_t step = 0;   ///< training step or epoch

  /// The key and the counter of the block that holds numbers 4*block .. 4*block + 3:
  /// key = seed, counter = (block low, block high, step, purpose << 24 | index).
  std::array<std::uint32_t, 2> key() const;
  std::array<std::uint32_t, 4> counter(std::uint64_t block) const;

  /// Number n, uniform over all 32-bit values.
  std::uint32_t bits(std::uint64_t n) const;

  /// Number n, uniform over multiples of 2^-24 in [0, 1).
  float uniform(std::uint64_t n) const;
};

/// Fills `order` with a uniformly random permutation of 0 .. order.size() - 1 (Fisher-Yates).
void random_permutation(const RandomStream& stream, std::span<std::int32_t> order);

}  // namespace tilewise
