#include "tilewise/layers/pool_geometry.hpp"

namespace tilewise {

simd::PoolGeometry pool_geometry(const Shape& input, Extent2D pool_size, Extent2D strides,
                                    Padding padding) {
  const auto [rows, columns] = slide_window(input, pool_size, strides, 1, padding);
  return {.ih = input[0],
          .iw = input[1],
          .oh = rows.output,
          .ow = columns.output,
          .channels = input[2],
          .kh = pool_size.height,
          .kw = pool_size.width,
          .stride_h = strides.height,
          .stride_w = strides.width,
          .pad_top = rows.pad_before,
          .pad_left = columns.pad_before};
}

simd::PoolGeometry corner_of(simd::PoolGeometry geometry, const StepContext& context) {
  geometry.ih = context.src[0];
  geometry.iw = context.src[1];
  geometry.oh = context.dst[0];
  geometry.ow = context.dst[1];
  return geometry;
}

}  // namespace tilewise
