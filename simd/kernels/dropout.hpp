#pragma once

#include "tilewise/simd/kernel_table.hpp"
#include "tilewise/simd/kernels/vector.hpp"

namespace tilewise::simd {

/// Elements whose random bits are made together: sixteen blocks of Philox, so that a vector of any
/// width is full.
inline constexpr std::int64_t kDropoutGroup = 64;

/// The random bits of elements 64 * group .. 64 * group + 63, as DropoutArgs orders them: Philox-4x32-10
/// (core/random.hpp). Each 64-bit lane holds a 32-bit word; what is in its upper half does not matter,
/// because the products read lower halves only.
template <class Arch>
inline void philox_group(const DropoutArgs& args, std::int64_t group, std::uint64_t (&bits)[32]) {
  using Words = xsimd::batch<std::uint64_t, Arch>;
  constexpr std::int64_t kLanes = kWidth<Arch> / 2;
  const Words multiplier0(0xD2511F53), multiplier1(0xCD9E8D57), lower(0xFFFFFFFF);
  alignas(64) std::uint64_t blocks[16];
  for (std::int64_t i = 0; i < 16; ++i) blocks[i] = static_cast<std::uint64_t>(group * 16 + i);

  for (std::int64_t block = 0; block < 16; block += kLanes) {
    Words w0 = Words::load_aligned(blocks + block);
    Words w1(args.counter[0]), w2(args.counter[1]), w3(args.counter[2]);
    std::uint32_t key0 = args.key[0];
    std::uint32_t key1 = args.key[1];
    TILEWISE_UNROLL for (int round = 0; round < 10; ++round) {
      const Words product0 = multiply_lower_halves<Arch>(multiplier0, w0);
      const Words product1 = multiply_lower_halves<Arch>(multiplier1, w2);
      w0 = (product1 >> 32) ^ w1 ^ Words(key0);
      w1 = product1;
      w2 = (product0 >> 32) ^ w3 ^ Words(key1);
      w3 = product0;
      key0 += 0x9E3779B9;
      key1 += 0xBB67AE85;
    }
    ((w0 & lower) | (w1 << 32)).store_aligned(bits + block);
    ((w2 & lower) | (w3 << 32)).store_aligned(bits + 16 + block);
  }
}

template <class Arch>
void dropout(const DropoutArgs& args, std::int64_t first, std::int64_t n, const float* src,
             float* dst) noexcept {
  const Vec<Arch> scale(args.scale);
  const std::int64_t end = first + n;
  for (std::int64_t group = first / kDropoutGroup; group * kDropoutGroup < end; ++group) {
    alignas(64) std::uint64_t bits[kDropoutGroup / 2];
    philox_group<Arch>(args, group, bits);
    alignas(64) std::uint32_t words[kDropoutGroup];
    std::memcpy(words, bits, sizeof(words));
    for (std::uint32_t& word : words) word = word < args.threshold ? 0 : 0xFFFFFFFF;
    alignas(64) float masks[kDropoutGroup];
    std::memcpy(masks, words, sizeof(masks));

    const std::int64_t start = group * kDropoutGroup;
    const std::int64_t from = start < first ? first : start;
    const std::int64_t to = start + kDropoutGroup < end ? start + kDropoutGroup : end;
    for_each_vector<Arch>(to - from, [&](std::int64_t i, std::int64_t count) {
      const std::int64_t at = from - first + i;
      // A mask, not a factor: a dropped infinity or NaN is dropped all the same. Adding 0 makes -0 to 0.
      const Vec<Arch> mask = load_some<Arch>(masks + (from - start) + i, count);
      const Vec<Arch> kept = scale * load_some<Arch>(src + at, count) + Vec<Arch>(0.0F);
      store_some<Arch>(dst + at, count, (mask & kept) | (~mask & Vec<Arch>(-0.0F)));
    });
  }
}

template <class Arch>
void dropout_backward(float scale, std::int64_t n, const float* dst, const float* d_dst,
                      float* d_src) noexcept {
  using Bits = xsimd::batch<std::int32_t, Arch>;
  const Vec<Arch> factor(scale);
  const Bits dropped(INT32_MIN);  // -0
  for_each_vector<Arch>(n, [&](std::int64_t i, std::int64_t count) {
    const Bits bits = xsimd::bitwise_cast<Bits>(load_some<Arch>(dst + i, count));
    const Vec<Arch> gradient = factor * load_some<Arch>(d_dst + i, count);
    const Bits kept = xsimd::select(bits == dropped, Bits(0), xsimd::bitwise_cast<Bits>(gradient));
    store_some<Arch>(d_src + i, count, xsimd::bitwise_cast<Vec<Arch>>(kept));
  });
}

}  // namespace tilewise::simd
