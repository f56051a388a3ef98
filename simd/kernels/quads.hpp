#pragma once

// Operations within the fours of lanes of a vector, for transposing and for sums along vectors.

#include <cstdint>

#include "tilewise/simd/kernels/vector.hpp"

namespace tilewise::simd {

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

}  // namespace tilewise::simd
