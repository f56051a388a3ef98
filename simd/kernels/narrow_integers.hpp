#pragma once

// Whole numbers of 8 and 16 bits, as many as a vector has floats: pixels, and places in a window.

#include <cstdint>
#include <cstring>

#include "tilewise/simd/kernels/vector.hpp"

namespace tilewise::simd {

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
