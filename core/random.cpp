#include "tilewise/core/random.hpp"

#include <numeric>
#include <utility>

namespace tilewise {

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
               static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(product0)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

std::array<std::uint32_t, 2> RandomStream::key() const {
  return {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)};
}

std::array<std::uint32_t, 4> RandomStream::counter(std::uint64_t block) const {
  return {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), step,
          static_cast<std::uint32_t>(purpose) << 24 | (index & 0xFFFFFF)};
}

std::uint32_t RandomStream::bits(std::uint64_t n) const {
  return philox4x32(counter(n / 4), key())[n % 4];
}

float RandomStream::uniform(std::uint64_t n) const {
  return static_cast<float>(bits(n) >> 8) * 0x1p-24F;
}

void random_permutation(const RandomStream& stream, std::span<std::int32_t> order) {
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t left = order.size(); left > 1; --left) {
    // Multiply-shift maps 32 random bits to [0, left); its bias, below left / 2^32, is of no
    // consequence here.
    const std::uint64_t pick = (std::uint64_t{stream.bits(left)} * left) >> 32;
    std::swap(order[left - 1], order[pick]);
  }
}

}  // namespace tilewise
