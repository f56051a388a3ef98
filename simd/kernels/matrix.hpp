#pragma once

#include <cstdint>

#include "tilewise/simd/kernel_table.hpp"
#include "tilewise/simd/kernels/quads.hpp"
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

/// dst(c, r) = src(r, c) for R x 4 elements: R is a vector's width, or less where Arch is a narrower one's.
template <class Arch>
[[gnu::always_inline]] inline void transpose_block(const float* src, std::int64_t src_stride, float* dst,
                                                   std::int64_t dst_stride) {
  // Row i of every four, side by side; then each four lanes are transposed.
  Vec<Arch> row[4];
  TILEWISE_UNROLL for (int i = 0; i < 4; ++i) {
    row[i] = load_quads<Arch>(src + i * src_stride, 4 * src_stride);
  }
  const Vec<Arch> low_02 = zip_low<Arch>(row[0], row[2]), high_02 = zip_high<Arch>(row[0], row[2]);
  const Vec<Arch> low_13 = zip_low<Arch>(row[1], row[3]), high_13 = zip_high<Arch>(row[1], row[3]);
  zip_low<Arch>(low_02, low_13).store_unaligned(dst);
  zip_high<Arch>(low_02, low_13).store_unaligned(dst + dst_stride);
  zip_low<Arch>(high_02, high_13).store_unaligned(dst + 2 * dst_stride);
  zip_high<Arch>(high_02, high_13).store_unaligned(dst + 3 * dst_stride);
}

/// Blocks of 16 x 16: each line of src is used up while it is in L1, and each of dst written in one go. What is
/// left over at an end is transposed with what comes before it, once more.
template <class Arch>
void transpose_by_blocks(std::int64_t rows, std::int64_t columns, const float* src, std::int64_t src_stride,
                         float* dst, std::int64_t dst_stride) {
  constexpr std::int64_t kBlock = 16, W = kWidth<Arch>;
  for (std::int64_t first = 0; first < columns; first += kBlock) {
    const std::int64_t end = first + kBlock < columns ? first + kBlock : columns;
    for (std::int64_t top = 0; top < rows; top += kBlock) {
      const std::int64_t bottom = top + kBlock < rows ? top + kBlock : rows;
      for (std::int64_t r = top; r < bottom; ++r) __builtin_prefetch(src + (r + kBlock) * src_stride + first);
      for (std::int64_t column = first; column < end; column += 4) {
        const std::int64_t c = column < columns - 4 ? column : columns - 4;
        for (std::int64_t row = top; row < bottom; row += W) {
          const std::int64_t r = row < rows - W ? row : rows - W;
          transpose_block<Arch>(src + r * src_stride + c, src_stride, dst + c * dst_stride + r, dst_stride);
        }
      }
    }
  }
}

template <class Arch>
[[gnu::flatten]] void transpose(std::int64_t rows, std::int64_t columns, const float* src,
                                std::int64_t src_stride, float* dst, std::int64_t dst_stride,
                                std::int64_t padded) noexcept {
  if (rows >= kWidth<Arch> && columns >= 4) {
    transpose_by_blocks<Arch>(rows, columns, src, src_stride, dst, dst_stride);
  } else if (rows >= 4 && columns >= 4) {
    transpose_by_blocks<QuadArch<Arch>>(rows, columns, src, src_stride, dst, dst_stride);
  } else {
    for (std::int64_t c = 0; c < columns; ++c) {
      for (std::int64_t r = 0; r < rows; ++r) dst[c * dst_stride + r] = src[r * src_stride + c];
    }
  }
  for (std::int64_t c = 0; c < columns && rows < padded; ++c) {
    for (std::int64_t r = rows; r < padded; ++r) dst[c * dst_stride + r] = 0.0F;
  }
}

/// add_rows for `vectors` whole vectors of R rows.
template <class Arch, int R>
inline void add_whole_vectors(std::int64_t vectors, const float* x, std::int64_t x_stride, const float* b,
                              std::int64_t ldb, float* y) {
  Vec<Arch> factor[R];
  TILEWISE_UNROLL for (int r = 0; r < R; ++r) factor[r] = Vec<Arch>(x[r * x_stride]);
  for (std::int64_t v = 0; v < vectors; ++v, b += kWidth<Arch>, y += kWidth<Arch>) {
    Vec<Arch> sum = load<Arch>(y);
    TILEWISE_UNROLL for (int r = 0; r < R; ++r) sum = madd<Arch>(factor[r], load<Arch>(b + r * ldb), sum);
    sum.store_unaligned(y);
  }
}

template <class Arch>
[[gnu::flatten]] void add_rows(std::int64_t k, std::int64_t n, const float* x, std::int64_t x_stride, const float* b,
                               std::int64_t ldb, float* y) noexcept {
  // A few rows at a time, each read from end to end; y in between stays in L1.
  constexpr int kRows = 8;
  const std::int64_t vectors = n / kWidth<Arch>, whole = vectors * kWidth<Arch>, left = n - whole;
  std::int64_t l = 0;
  for (; l + kRows <= k; l += kRows) {
    add_whole_vectors<Arch, kRows>(vectors, x + l * x_stride, x_stride, b + l * ldb, ldb, y);
  }
  for (; l < k; ++l) add_whole_vectors<Arch, 1>(vectors, x + l * x_stride, x_stride, b + l * ldb, ldb, y);
  if (left == 0) return;
  // A partial vector stays in a register instead: what is stored in pieces is slow to load again.
  Vec<Arch> sum = load_partial<Arch>(y + whole, left);
  for (l = 0; l < k; ++l) {
    sum = madd<Arch>(Vec<Arch>(x[l * x_stride]), load_partial<Arch>(b + l * ldb + whole, left), sum);
  }
  store_partial<Arch>(y + whole, left, sum);
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
