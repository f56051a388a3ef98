#pragma once

// The few vector operations that xsimd spells differently from version to version, lacks, or gets
// wrong on one instruction set. Everything else is written with xsimd directly.
// Only the units in simd/arch include this header.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include <xsimd/xsimd.hpp>

namespace tilewise::simd {

/// Before a loop with a small constant number of rounds: unroll it whole, before the compiler decides
/// which arrays live in registers.
#if defined(__clang__)
#define TILEWISE_UNROLL _Pragma("unroll")
#else
#define TILEWISE_UNROLL _Pragma("GCC unroll 16")
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

/// The first `count` values at p, 0 < count < width, the other lanes `fill`; reads nothing past them.
/// T is float or a 32-bit integer.
template <class Arch, class T>
inline xsimd::batch<T, Arch> load_partial(const T* p, std::int64_t count, T fill = T(0)) {
  // xsimd 8.1 has no masked loads; lane by lane on AVX2 and wider is slower than the rest of many kernels.
#if defined(__AVX512F__)
  const auto mask = static_cast<__mmask16>((1U << count) - 1);
  if constexpr (std::is_same_v<T, float>) {
    return _mm512_mask_loadu_ps(_mm512_set1_ps(fill), mask, p);
  } else {
    return _mm512_mask_loadu_epi32(_mm512_set1_epi32(fill), mask, p);
  }
#elif defined(__AVX2__)
  const __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)),
                                          _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  if constexpr (std::is_same_v<T, float>) {
    return _mm256_blendv_ps(_mm256_set1_ps(fill), _mm256_maskload_ps(p, mask),
                            _mm256_castsi256_ps(mask));
  } else {
    return _mm256_blendv_epi8(_mm256_set1_epi32(fill), _mm256_maskload_epi32(p, mask), mask);
  }
#else
  alignas(64) T lanes[kWidth<Arch>];
  for (std::int64_t i = 0; i < kWidth<Arch>; ++i) lanes[i] = i < count ? p[i] : fill;
  return xsimd::batch<T, Arch>::load_aligned(lanes);
#endif
}

/// Stores the first `count` lanes, 0 < count < width.
template <class Arch, class T>
inline void store_partial(T* p, std::int64_t count, const xsimd::batch<T, Arch>& v) {
#if defined(__AVX512F__)
  const auto mask = static_cast<__mmask16>((1U << count) - 1);
  if constexpr (std::is_same_v<T, float>) {
    _mm512_mask_storeu_ps(p, mask, v);
  } else {
    _mm512_mask_storeu_epi32(p, mask, v);
  }
#elif defined(__SSE2__)
  // In pieces of four, two and one lanes: masked stores of AVX2 are slow on AMD's cores, and a detour through
  // memory waits for a wide store to be read in parts.
#if defined(__AVX2__)
  const auto lanes = __builtin_bit_cast(__m256, v.data);
  __m128 left = _mm256_castps256_ps128(lanes);
  if ((count & 4) != 0) {
    std::memcpy(p, &left, 4 * sizeof(T));
    p += 4;
    left = _mm256_extractf128_ps(lanes, 1);
  }
#else
  auto left = __builtin_bit_cast(__m128, v.data);
#endif
  if ((count & 2) != 0) {
    std::memcpy(p, &left, 2 * sizeof(T));
    p += 2;
    left = _mm_movehl_ps(left, left);
  }
  if ((count & 1) != 0) std::memcpy(p, &left, sizeof(T));
#else
  alignas(64) T lanes[kWidth<Arch>];
  v.store_aligned(lanes);
  const T* from = lanes;
  TILEWISE_UNROLL for (std::int64_t piece = kWidth<Arch> / 2; piece > 0; piece /= 2) {
    if ((count & piece) == 0) continue;
    std::memcpy(p, from, static_cast<std::size_t>(piece) * sizeof(T));
    p += piece;
    from += piece;
  }
#endif
}

/// An instruction set of four lanes: Arch itself, or what a wider one includes. For the operations of this header that
/// ask for Arch's width, and xsimd's own: the others go by what the unit is compiled for.
template <class Arch>
using QuadArch =
#if defined(__SSE2__)
    xsimd::sse2;
#else
    Arch;
#endif

/// Four floats from each of W / 4 places `stride` apart, side by side.
template <class Arch>
[[gnu::always_inline]] inline Vec<Arch> load_quads(const float* p, [[maybe_unused]] std::int64_t stride) {
  if constexpr (kWidth<Arch> == 4) {
    return load<Arch>(p);
  } else {
#if defined(__AVX512F__)
    __m512 v = _mm512_castps128_ps512(_mm_loadu_ps(p));
    v = _mm512_insertf32x4(v, _mm_loadu_ps(p + stride), 1);
    v = _mm512_insertf32x4(v, _mm_loadu_ps(p + 2 * stride), 2);
    return _mm512_insertf32x4(v, _mm_loadu_ps(p + 3 * stride), 3);
#elif defined(__AVX__)
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps(p + stride), 1);
#endif
  }
}

/// Of every four lanes the lower, or the upper, two: a0 b0 a1 b1, or a2 b2 a3 b3. xsimd's zips cross the fours of
/// wider vectors.
template <class Arch>
[[gnu::always_inline]] inline Vec<Arch> zip_low(const Vec<Arch>& a, const Vec<Arch>& b) {
  if constexpr (kWidth<Arch> == 4) {
    return xsimd::zip_lo(a, b);
  } else {
#if defined(__AVX512F__)
    return _mm512_unpacklo_ps(a, b);
#elif defined(__AVX__)
    return _mm256_unpacklo_ps(a, b);
#endif
  }
}
template <class Arch>
[[gnu::always_inline]] inline Vec<Arch> zip_high(const Vec<Arch>& a, const Vec<Arch>& b) {
  if constexpr (kWidth<Arch> == 4) {
    return xsimd::zip_hi(a, b);
  } else {
#if defined(__AVX512F__)
    return _mm512_unpackhi_ps(a, b);
#elif defined(__AVX__)
    return _mm256_unpackhi_ps(a, b);
#endif
  }
}

/// The sum of the fours of lanes.
template <class Arch>
[[gnu::always_inline]] inline Vec<QuadArch<Arch>> sum_quads(const Vec<Arch>& v) {
  if constexpr (kWidth<Arch> == 4) {
    return v;
  } else {
#if defined(__AVX512F__)
    // gcc 12 warns of the plain forms of these, which are the same instructions.
    const __m256 half = _mm256_add_ps(_mm512_maskz_extractf32x8_ps(0xFF, v, 0),
                                      _mm512_maskz_extractf32x8_ps(0xFF, v, 1));
#elif defined(__AVX__)
    const __m256 half = v;
#endif
#if defined(__AVX__)
    return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
#endif
  }
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
template <class Arch, class T>
inline xsimd::batch<T, Arch> load_some(const T* p, std::int64_t count, T fill = T(0)) {
  return count == kWidth<Arch> ? xsimd::batch<T, Arch>::load_unaligned(p)
                               : load_partial<Arch>(p, count, fill);
}
template <class Arch, class T>
inline void store_some(T* p, std::int64_t count, const xsimd::batch<T, Arch>& v) {
  if (count == kWidth<Arch>) {
    v.store_unaligned(p);
  } else {
    store_partial<Arch>(p, count, v);
  }
}

/// Calls body<vectors>(offset, width) for as many times NV whole vectors as there are in [0, n), then for half as many of
/// what is left, and so on; at last body<1>(offset, count), as for_each_vector.
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

/// Four whole numbers of 16 bits, the first in the lowest; of those at p the first `count` < 4, the others 0.
template <class Arch>
inline std::uint64_t load_short_partial(const std::uint16_t* p, std::int64_t count) {
  if (count <= 0) return 0;
  std::uint32_t pair = 0;
  if (count >= 2) std::memcpy(&pair, p, sizeof pair);
  return count == 2 ? pair : pair | std::uint64_t{p[count - 1]} << (16 * (count - 1));
}
template <class Arch>
inline void store_short_partial(std::uint16_t* p, std::int64_t count, std::uint64_t bits) {
  if (count <= 0) return;
  if (count >= 2) std::memcpy(p, &bits, 4);
  if (count != 2) p[count - 1] = static_cast<std::uint16_t>(bits >> (16 * (count - 1)));
}

/// As many bytes as a vector has floats, as floats: xsimd 8.1 converts them one at a time.
template <class Arch>
inline Vec<Arch> load_bytes(const std::uint8_t* p) {
#if defined(__AVX512F__)
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
#elif defined(__AVX2__)
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
#else
  std::uint32_t four;
  std::memcpy(&four, p, 4);
#if defined(__SSE2__)
  const __m128i zero = _mm_setzero_si128();
  const __m128i shorts = _mm_unpacklo_epi8(_mm_cvtsi32_si128(static_cast<int>(four)), zero);
  return _mm_cvtepi32_ps(_mm_unpacklo_epi16(shorts, zero));
#else
  return vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(four)))));
#endif
#endif
}

/// As many whole numbers of 16 bits as a vector has floats.
template <class Arch>
using Shorts =
#if defined(__AVX512F__)
    __m256i;
#elif defined(__SSE2__)
    __m128i;
#else
    uint16x4_t;
#endif

/// `count` of them, 0 < count <= width, and 0.
template <class Arch>
inline Shorts<Arch> load_shorts(const std::uint16_t* p, std::int64_t count) {
#if defined(__AVX512F__)
  if (count == kWidth<Arch>) return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return _mm256_maskz_loadu_epi16(static_cast<__mmask16>((1U << count) - 1), p);
#else
  // In pieces of four, from registers: a wide load of what was just stored in parts would wait for it.
  std::uint64_t pieces[kWidth<Arch> / 4];
  TILEWISE_UNROLL for (std::int64_t i = 0; i < kWidth<Arch> / 4; ++i) {
    if (count >= 4 * (i + 1)) {
      std::memcpy(&pieces[i], p + 4 * i, 8);
    } else {
      pieces[i] = load_short_partial<Arch>(p + 4 * i, count - 4 * i);
    }
  }
#if defined(__AVX2__)
  return _mm_set_epi64x(static_cast<long long>(pieces[1]), static_cast<long long>(pieces[0]));
#elif defined(__SSE2__)
  return _mm_cvtsi64_si128(static_cast<long long>(pieces[0]));
#else
  return vcreate_u16(pieces[0]);
#endif
#endif
}

/// The lanes that are `value`, as those of floats.
template <class Arch>
inline xsimd::batch_bool<float, Arch> equal(const Shorts<Arch>& shorts, std::int64_t value) {
#if defined(__AVX512F__)
  return _mm256_cmpeq_epi16_mask(shorts, _mm256_set1_epi16(static_cast<short>(value)));
#elif defined(__SSE2__)
  const __m128i same = _mm_cmpeq_epi16(shorts, _mm_set1_epi16(static_cast<short>(value)));
#if defined(__AVX2__)
  return _mm256_castsi256_ps(_mm256_cvtepi16_epi32(same));
#else
  return _mm_castsi128_ps(_mm_unpacklo_epi16(same, same));
#endif
#else
  const uint16x4_t same = vceq_u16(shorts, vdup_n_u16(static_cast<std::uint16_t>(value)));
  return vreinterpretq_u32_s32(vmovl_s16(vreinterpret_s16_u16(same)));
#endif
}

/// Stores the first `count` lanes of v, whole numbers below 2^16, in 16 bits each; 0 < count <= width.
template <class Arch>
inline void store_shorts(std::uint16_t* p, std::int64_t count, const Vec<Arch>& v) {
#if defined(__AVX512F__)
  const __m256i shorts = _mm512_cvtepi32_epi16(_mm512_cvttps_epi32(v));
  if (count == kWidth<Arch>) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), shorts);
  } else {
    _mm256_mask_storeu_epi16(p, static_cast<__mmask16>((1U << count) - 1), shorts);
  }
#else
#if defined(__AVX2__)
  const __m256i lanes = _mm256_cvttps_epi32(v);
  const __m128i shorts = _mm_packus_epi32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));
  if (count == kWidth<Arch>) return _mm_storeu_si128(reinterpret_cast<__m128i*>(p), shorts);
  const std::uint64_t pieces[] = {static_cast<std::uint64_t>(_mm_cvtsi128_si64(shorts)),
                                  static_cast<std::uint64_t>(_mm_extract_epi64(shorts, 1))};
#elif defined(__SSE2__)
  // Packing would saturate at 2^15.
  const __m128i lanes = _mm_cvttps_epi32(v);
  const __m128i pairs = _mm_shufflehi_epi16(_mm_shufflelo_epi16(lanes, 0x08), 0x08);
  const std::uint64_t pieces[] = {
      static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm_shuffle_epi32(pairs, 0x08)))};
#else
  const std::uint64_t pieces[] = {vget_lane_u64(vreinterpret_u64_u16(vmovn_u32(vcvtq_u32_f32(v))), 0)};
#endif
  TILEWISE_UNROLL for (std::int64_t i = 0; i < kWidth<Arch> / 4; ++i) {
    if (count >= 4 * (i + 1)) {
      std::memcpy(p + 4 * i, &pieces[i], 8);
    } else {
      store_short_partial<Arch>(p + 4 * i, count - 4 * i, pieces[i]);
    }
  }
#endif
}

}  // namespace tilewise::simd
