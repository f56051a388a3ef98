#pragma once

#include "tilewise/simd/kernel_table.hpp"
#include "tilewise/simd/kernels/vector.hpp"

namespace tilewise::simd {

/// The random bits of elements 64 * group .. 64 * group + 63: Philox-4x32-10 (core/random.hpp) on
/// sixteen counters at once. Plain loops over sixteen lanes, which compilers turn into vectors; xsimd
/// has no multiplication that keeps the high half.
template <class Arch>
void philox_group(const DropoutArgs& args, std::int64_t group, std::uint32_t (&bits)[4][16]) {
  for (std::uint32_t lane = 0; lane < 16; ++lane) {
    bits[0][lane] = static_cast<std::uint32_t>(group) * 16 + lane;
    bits[1][lane] = args.counter[0];
    bits[2][lane] = args.counter[1];
    bits[3][lane] = args.counter[2];
  }
  std::uint32_t key0 = args.key[0];
  std::uint32_t key1 = args.key[1];
  for (int round = 0; round < 10; ++round) {
    for (int lane = 0; lane < 16; ++lane) {
      const std::uint64_t product0 = std::uint64_t{0xD2511F53} * bits[0][lane];
      const std::uint64_t product1 = std::uint64_t{0xCD9E8D57} * bits[2][lane];
      bits[0][lane] = static_cast<std::uint32_t>(product1 >> 32) ^ bits[1][lane] ^ key0;
      bits[1][lane] = static_cast<std::uint32_t>(product1);
      bits[2][lane] = static_cast<std::uint32_t>(product0 >> 32) ^ bits[3][lane] ^ key1;
      bits[3][lane] = static_cast<std::uint32_t>(product0);
    }
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
}

template <class Arch>
void dropout(const DropoutArgs& args, std::int64_t first, std::int64_t n, const float* src,
             float* dst) noexcept {
  constexpr std::int64_t kGroup = 64;
  const std::int64_t end = first + n;
  for (std::int64_t group = first / kGroup; group * kGroup < end; ++group) {
    alignas(64) std::uint32_t bits[4][16];
    philox_group<Arch>(args, group, bits);
    alignas(64) float factors[kGroup];
    for (int word = 0; word < 4; ++word) {
      for (int lane = 0; lane < 16; ++lane) {
        factors[word * 16 + lane] = bits[word][lane] < args.threshold ? 0.0F : args.scale;
      }
    }
    const std::int64_t start = group * kGroup;
    const std::int64_t from = start < first ? first : start;
    const std::int64_t to = start + kGroup < end ? start + kGroup : end;
    const float* factor = factors + (from - start);
    for_each_vector<Arch>(to - from, [&](std::int64_t i, std::int64_t count) {
      const std::int64_t at = from - first + i;
      // Not a product: a dropped infinity or NaN is dropped all the same.
      const Vec<Arch> f = load_some<Arch>(factor + i, count);
      const Vec<Arch> zero(0.0F);
      store_some<Arch>(dst + at, count,
                       xsimd::select(f == zero, zero, f * load_some<Arch>(src + at, count)));
    });
  }
}

}  // namespace tilewise::simd
