#pragma once

// The few vector operations that xsimd spells differently from version to version, lacks, or gets
// wrong on one instruction set; quads.hpp and narrow_integers.hpp have more. Everything else is written
// with xsimd directly. Only the units in simd/arch include these headers.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <xsimd/xsimd.hpp>

namespace tilewise::simd {

/// Before a loop with a small constant number of rounds: unroll it whole, before the compiler decides
/// which arrays live in registers; or leave it a loop.
#if defined(__clang__)
#define TILEWISE_UNROLL _Pragma("unroll")
#define TILEWISE_ROLLED _Pragma("nounroll")
#else
#define TILEWISE_UNROLL _Pragma("GCC unroll 16")
#define TILEWISE_ROLLED _Pragma("GCC unroll 1")
#endif

template <class Arch>
using Vec = xsimd::batch<float, Arch>;

template <class Arch>
inline constexpr std::int64_t kWidth = static_cast<std::int64_t>(Vec<Arch>::size);

/// Vector registers, and whether one instruction multiplies and adds.
template <class Arch>
#if defined(__AVX512F__) || defined(__aarch64__)
inline constexpr int kRegisters = 32;
#else
inline constexpr int kRegisters = 16;
#endif
template <class Arch>
#if defined(__FMA__) || defined(__aarch64__)
inline constexpr bool kHasFma = true;
#else
inline constexpr bool kHasFma = false;
#endif

/// How many sums of a vector each can stay in registers, besides what is added to them.
template <class Arch>
inline constexpr int kMostSums = kRegisters<Arch> / 2;

template <class Arch>
inline Vec<Arch> load(const float* p) {
  return Vec<Arch>::load_unaligned(p);
}

/// The first `count` floats at p, 0 < count < width, the other lanes `fill`; reads nothing past them.
template <class Arch>
inline Vec<Arch> load_partial(const float* p, std::int64_t count, float fill = 0) {
  // xsimd 8.1 has no masked loads; lane by lane on AVX2 and wider is slower than the rest of many kernels.
#if defined(__AVX512F__)
  return _mm512_mask_loadu_ps(_mm512_set1_ps(fill), static_cast<__mmask16>((1U << count) - 1), p);
#elif defined(__AVX2__)
  const __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)),
                                          _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  return _mm256_blendv_ps(_mm256_set1_ps(fill), _mm256_maskload_ps(p, mask), _mm256_castsi256_ps(mask));
#else
  alignas(64) float lanes[kWidth<Arch>];
  for (std::int64_t i = 0; i < kWidth<Arch>; ++i) lanes[i] = i < count ? p[i] : fill;
  return Vec<Arch>::load_aligned(lanes);
#endif
}

/// Stores the first `count` lanes, 0 < count < width.
template <class Arch>
inline void store_partial(float* p, std::int64_t count, const Vec<Arch>& v) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1U << count) - 1), v);
#elif defined(__SSE2__)
  // In pieces of four, two and one lanes: masked stores of AVX2 are slow on AMD's cores, and a detour through
  // memory waits for a wide store to be read in parts.
#if defined(__AVX2__)
  const __m256 lanes = v;
  __m128 left = _mm256_castps256_ps128(lanes);
  if ((count & 4) != 0) {
    _mm_storeu_ps(p, left);
    p += 4;
    left = _mm256_extractf128_ps(lanes, 1);
  }
#else
  __m128 left = v;
#endif
  if ((count & 2) != 0) {
    std::memcpy(p, &left, 2 * sizeof(float));
    p += 2;
    left = _mm_movehl_ps(left, left);
  }
  if ((count & 1) != 0) std::memcpy(p, &left, sizeof(float));
#else
  alignas(64) float lanes[kWidth<Arch>];
  v.store_aligned(lanes);
  const float* from = lanes;
  TILEWISE_UNROLL for (std::int64_t piece = kWidth<Arch> / 2; piece > 0; piece /= 2) {
    if ((count & piece) == 0) continue;
    std::memcpy(p, from, static_cast<std::size_t>(piece) * sizeof(float));
    p += piece;
    from += piece;
  }
#endif
}

/// a * b + c, rounded once where the instruction set has an FMA. xsimd::fma is mul + add on AVX-512 in
/// 8.1, and on SSE2 an fma in software.
template <class Arch>
inline Vec<Arch> madd(const Vec<Arch>& a, const Vec<Arch>& b, const Vec<Arch>& c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_ps(a, b, c);
#elif defined(__FMA__) || defined(__ARM_FEATURE_FMA)
  return xsimd::fma(a, b, c);
#else
  return a * b + c;
#endif
}

/// sum += a * b, as madd, for sums that stay in registers through a long unrolled loop. In assembly, which
/// fixes the form: left to itself gcc 12 writes some sums over a factor, loads vectors of b once more for
/// every use, and with all registers taken copies and spills sums.
template <class Arch>
[[gnu::always_inline]] inline void add_product(const Vec<Arch>& a, const Vec<Arch>& b, Vec<Arch>& sum) {
#if defined(__FMA__)
  auto value = sum.data;
  asm("vfmadd231ps %2, %1, %0" : "+v"(value) : "v"(a.data), "v"(b.data));
  sum = Vec<Arch>(value);
#else
  sum = madd<Arch>(a, b, sum);
#endif
}

/// sum += a * b, for a factor in memory that no other sum uses: on AVX-512 the instruction loads it. On Zen 4 that is
/// free, and a load of its own takes a third as long as the instruction.
template <class Arch>
[[gnu::always_inline]] inline void add_product(const float& a, const Vec<Arch>& b, Vec<Arch>& sum) {
#if defined(__AVX512F__)
  auto value = sum.data;
  asm("vfmadd231ps %2%{1to16%}, %1, %0" : "+v"(value) : "v"(b.data), "m"(a));
  sum = Vec<Arch>(value);
#else
  add_product<Arch>(Vec<Arch>(a), b, sum);
#endif
}

/// a / b and the square root of v, rounded once. xsimd 8.1 has estimates on NEON, which are off in the last bits, and
/// NaN for the root of infinity.
template <class Arch>
inline Vec<Arch> divide(const Vec<Arch>& a, const Vec<Arch>& b) {
#if defined(__aarch64__)
  return vdivq_f32(a, b);
#else
  return a / b;
#endif
}
template <class Arch>
inline Vec<Arch> square_root(const Vec<Arch>& v) {
#if defined(__aarch64__)
  return vsqrtq_f32(v);
#else
  return xsimd::sqrt(v);
#endif
}

/// max(0, v), and NaN for NaN: x86's max returns its second operand when either is NaN.
template <class Arch>
inline Vec<Arch> relu(const Vec<Arch>& v) {
  return xsimd::max(Vec<Arch>(0.0F), v);
}

/// Not v != v: xsimd 8.1 makes that an ordered comparison on AVX and AVX-512, false for NaN.
template <class Arch>
inline auto is_nan(const Vec<Arch>& v) {
  return xsimd::isnan(v);
}

/// Bit i is lane i.
template <class Arch>
inline std::uint32_t lane_bits(const xsimd::batch_bool<float, Arch>& lanes) {
#if defined(__AVX512F__)
  return lanes.data;
#elif defined(__AVX__)
  return static_cast<std::uint32_t>(_mm256_movemask_ps(lanes));
#elif defined(__SSE2__)
  return static_cast<std::uint32_t>(_mm_movemask_ps(lanes));
#else
  alignas(64) bool flags[kWidth<Arch>];
  lanes.store_aligned(flags);
  std::uint32_t bits = 0;
  for (int i = 0; i < kWidth<Arch>; ++i) bits |= static_cast<std::uint32_t>(flags[i]) << i;
  return bits;
#endif
}

/// Products of the lower halves of 64-bit lanes, whole. xsimd has only products that keep the lower
/// half.
template <class Arch>
inline xsimd::batch<std::uint64_t, Arch> multiply_lower_halves(
    const xsimd::batch<std::uint64_t, Arch>& a, const xsimd::batch<std::uint64_t, Arch>& b) {
#if defined(__AVX512F__)
  return _mm512_mul_epu32(a, b);
#elif defined(__AVX2__)
  return _mm256_mul_epu32(a, b);
#elif defined(__SSE2__)
  return _mm_mul_epu32(a, b);
#else
  return vmull_u32(vmovn_u64(a), vmovn_u64(b));
#endif
}

/// Sum and maximum of the lanes, in lane order.
template <class Arch>
inline float sum_lanes(const Vec<Arch>& v) {
  alignas(64) float lanes[kWidth<Arch>];
  v.store_aligned(lanes);
  float sum = lanes[0];
  for (std::int64_t i = 1; i < kWidth<Arch>; ++i) sum += lanes[i];
  return sum;
}
template <class Arch>
inline float max_lanes(const Vec<Arch>& v) {
  alignas(64) float lanes[kWidth<Arch>];
  v.store_aligned(lanes);
  float best = lanes[0];
  for (std::int64_t i = 1; i < kWidth<Arch>; ++i) best = lanes[i] > best ? lanes[i] : best;
  return best;
}

/// Calls body(offset, count) for each vector of [0, n): count is the width, except perhaps the last
/// time.
template <class Arch, class Body>
inline void for_each_vector(std::int64_t n, Body body) {
  std::int64_t i = 0;
  for (; i + kWidth<Arch> <= n; i += kWidth<Arch>) body(i, kWidth<Arch>);
  if (i < n) body(i, n - i);
}

/// Loads or stores `count` lanes; a full vector when count == width.
template <class Arch>
inline Vec<Arch> load_some(const float* p, std::int64_t count, float fill = 0) {
  return count == kWidth<Arch> ? load<Arch>(p) : load_partial<Arch>(p, count, fill);
}
template <class Arch>
inline void store_some(float* p, std::int64_t count, const Vec<Arch>& v) {
  if (count == kWidth<Arch>) {
    v.store_unaligned(p);
  } else {
    store_partial<Arch>(p, count, v);
  }
}

/// Calls body<vectors>(offset, width) for as many times NV whole vectors as there are in [0, n), then for half as many
/// of what is left, and so on; at last body<1>(offset, count), as for_each_vector.
template <class Arch, int NV, class Body>
[[gnu::always_inline]] inline void for_each_vectors(std::int64_t n, Body body, std::int64_t done = 0) {
  if constexpr (NV > 1) {
    for (; done + NV * kWidth<Arch> <= n; done += NV * kWidth<Arch>) {
      body.template operator()<NV>(done, kWidth<Arch>);
    }
    for_each_vectors<Arch, NV / 2>(n, body, done);
  } else {
    for_each_vector<Arch>(n - done, [&](std::int64_t i, std::int64_t count) {
      body.template operator()<1>(done + i, count);
    });
  }
}

/// Calls body<vectors>() if n floats are so many vectors: NV, or half as many, and so on. Returns whether they are.
template <class Arch, int NV, class Body>
[[gnu::always_inline]] inline bool as_whole_vectors(std::int64_t n, Body body) {
  if (n == NV * kWidth<Arch>) {
    body.template operator()<NV>();
    return true;
  }
  if constexpr (NV > 1) return as_whole_vectors<Arch, NV / 2>(n, body);
  return false;
}

}  // namespace tilewise::simd
