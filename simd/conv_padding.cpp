#include "tilewise/simd/conv_padding.hpp"

#include <algorithm>

namespace tilewise::simd {

std::int64_t rows_seen(const ConvShape& shape, std::int64_t rows) {
  return (rows - 1) * shape.stride_h + (shape.kh - 1) * shape.dilation_h + 1;
}

std::int64_t padded_rows_floats(const ConvShape& shape, std::int64_t rows) {
  return shape.padded() ? round_up_to_line(rows_seen(shape, rows) * shape.stored_w() * shape.ic) : 0;
}

const float* padded_rows(const ConvShape& shape, const float* src, std::int64_t first,
                         std::int64_t rows, Workspace& scratch) {
  const std::int64_t row_floats = shape.iw * shape.ic;
  const std::int64_t top = first * shape.stride_h - shape.pad_top;
  if (!shape.padded()) return src + top * row_floats;
  const std::int64_t pitch = shape.stored_w() * shape.ic;
  const std::int64_t left = shape.pad_left * shape.ic;
  const std::int64_t seen = rows_seen(shape, rows);
  float* const padded = scratch.take(seen * pitch);
  float* to = padded;  // zeros up to each row of the image, and after the last
  for (std::int64_t ih = std::max<std::int64_t>(0, top); ih < std::min(shape.ih, top + seen); ++ih) {
    float* const row = padded + (ih - top) * pitch + left;
    std::fill(to, row, 0.0F);
    to = std::copy_n(src + ih * row_floats, row_floats, row);
  }
  std::fill(to, padded + seen * pitch, 0.0F);
  return padded;
}

}  // namespace tilewise::simd
