#pragma once

#include <type_traits>

#include "tilewise/simd/kernel_table.hpp"
#include "tilewise/simd/kernels/vector.hpp"

namespace tilewise::simd {

template <class Arch>
void copy_matrix(std::int64_t rows, std::int64_t columns, const float* src, std::int64_t src_stride,
                 float* dst, std::int64_t dst_stride, std::int64_t padded) noexcept {
  // Rows are too short for the processor to see a pattern in their addresses.
  constexpr std::int64_t kRowsAhead = 4, kLine = 16;
  constexpr std::int64_t W = kWidth<Arch>;
  const std::int64_t lines = columns / kLine * kLine;
  const std::int64_t whole = columns / W * W, tail = columns - whole;
  const bool room = whole + W <= padded;  // for a vector that ends in zeros
  for (std::int64_t row = 0; row < rows; ++row, src += src_stride, dst += dst_stride) {
    std::int64_t i = 0;
    for (; i < lines; i += kLine) {
      __builtin_prefetch(src + kRowsAhead * src_stride + i);
      TILEWISE_UNROLL for (std::int64_t j = i; j < i + kLine; j += W) {
        load<Arch>(src + j).store_unaligned(dst + j);
      }
    }
    for (; i < whole; i += W) load<Arch>(src + i).store_unaligned(dst + i);
    if (tail > 0) {
      const Vec<Arch> values = load_partial<Arch>(src + i, tail);
      store_some<Arch>(dst + i, room ? W : tail, values);
      i += room ? W : tail;
    }
    for (; i < padded; ++i) dst[i] = 0.0F;
  }
}

/// Vectors of four floats, for Arch as wide as that or wider.
template <class Arch>
using Quad = std::conditional_t<kWidth<Arch> == 4, Vec<Arch>,
#if defined(__SSE2__)
                                xsimd::batch<float, xsimd::sse2>
#else
                                Vec<Arch>
#endif
                                >;

/// dst(c, r) = src(r, c) for 4 x 4 elements.
template <class Arch>
[[gnu::always_inline]] inline void transpose_quad(const float* src, std::int64_t src_stride,
                                                  float* dst, std::int64_t dst_stride) {
  using Q = Quad<Arch>;
  const Q a = Q::load_unaligned(src);
  const Q b = Q::load_unaligned(src + src_stride);
  const Q c = Q::load_unaligned(src + 2 * src_stride);
  const Q d = Q::load_unaligned(src + 3 * src_stride);
  // xsimd's zips take the lower or upper halves of four lanes: zip_lo(a, c) is a0 c0 a1 c1.
  const Q ac_lo = xsimd::zip_lo(a, c), ac_hi = xsimd::zip_hi(a, c);
  const Q bd_lo = xsimd::zip_lo(b, d), bd_hi = xsimd::zip_hi(b, d);
  xsimd::zip_lo(ac_lo, bd_lo).store_unaligned(dst);
  xsimd::zip_hi(ac_lo, bd_lo).store_unaligned(dst + dst_stride);
  xsimd::zip_lo(ac_hi, bd_hi).store_unaligned(dst + 2 * dst_stride);
  xsimd::zip_hi(ac_hi, bd_hi).store_unaligned(dst + 3 * dst_stride);
}

/// Blocks of 16 x 16: each line of src is used up while it is in L1, and each of dst written in one go.
template <class Arch>
[[gnu::flatten]] void transpose(std::int64_t rows, std::int64_t columns, const float* src,
                                std::int64_t src_stride, float* dst, std::int64_t dst_stride,
                                std::int64_t padded) noexcept {
  constexpr std::int64_t kBlock = 16;
  const std::int64_t whole_rows = rows / 4 * 4, whole_columns = columns / 4 * 4;
  for (std::int64_t first = 0; first < whole_columns; first += kBlock) {
    const std::int64_t end = first + kBlock < whole_columns ? first + kBlock : whole_columns;
    for (std::int64_t top = 0; top < whole_rows; top += kBlock) {
      const std::int64_t bottom = top + kBlock < whole_rows ? top + kBlock : whole_rows;
      for (std::int64_t c = first; c < end; c += 4) {
        for (std::int64_t r = top; r < bottom; r += 4) {
          transpose_quad<Arch>(src + r * src_stride + c, src_stride, dst + c * dst_stride + r,
                               dst_stride);
        }
      }
    }
  }
  for (std::int64_t c = 0; c < columns; ++c) {
    float* out = dst + c * dst_stride;
    for (std::int64_t r = c < whole_columns ? whole_rows : 0; r < rows; ++r) {
      out[r] = src[r * src_stride + c];
    }
    for (std::int64_t r = rows; r < padded; ++r) out[r] = 0.0F;
  }
}

template <class Arch>
void add_windows(std::int64_t windows, std::int64_t rows, std::int64_t n, const float* src,
                 std::int64_t src_window, float* dst, std::int64_t dst_window,
                 std::int64_t dst_row) noexcept {
  for (std::int64_t w = 0; w < windows; ++w) {
    for (std::int64_t r = 0; r < rows; ++r) {
      const float* in = src + w * src_window + r * n;
      float* out = dst + w * dst_window + r * dst_row;
      std::int64_t i = 0;
      for (; i + kWidth<Arch> <= n; i += kWidth<Arch>) {
        (load<Arch>(out + i) + load<Arch>(in + i)).store_unaligned(out + i);
      }
      const std::int64_t left = n - i;
      if (left >= kWidth<Arch> / 2) {
        store_partial<Arch>(out + i, left,
                            load_partial<Arch>(out + i, left) + load_partial<Arch>(in + i, left));
      } else {
        for (; i < n; ++i) out[i] += in[i];
      }
    }
  }
}

}  // namespace tilewise::simd
