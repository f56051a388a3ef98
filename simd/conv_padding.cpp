#include "tilewise/simd/conv_padding.hpp"

#include <algorithm>

namespace tilewise::simd {

std::int64_t padded_image_floats(const ConvShape& shape) {
  return shape.padded() ? round_up_to_line(shape.stored_h() * shape.stored_w() * shape.ic) : 0;
}

const float* padded_image(const ConvShape& shape, const float* src, Workspace& scratch) {
  if (!shape.padded()) return src;
  const std::int64_t pitch = shape.stored_w() * shape.ic;
  const std::int64_t left = shape.pad_left * shape.ic;
  const std::int64_t row = shape.iw * shape.ic;
  float* const padded = scratch.take(shape.stored_h() * pitch);
  float* out = std::fill_n(padded, shape.pad_top * pitch, 0.0F);
  for (std::int64_t ih = 0; ih < shape.ih; ++ih, src += row) {
    out = std::fill_n(out, left, 0.0F);
    out = std::copy_n(src, row, out);
    out = std::fill_n(out, pitch - left - row, 0.0F);
  }
  std::fill_n(out, (shape.stored_h() - shape.pad_top - shape.ih) * pitch, 0.0F);
  return padded;
}

}  // namespace tilewise::simd
