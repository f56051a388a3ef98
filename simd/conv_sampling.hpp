#pragma once

#include <algorithm>
#include <cstdint>

#include "tilewise/core/workspace.hpp"
#include "tilewise/simd/conv_shape.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {

/// Whether a convolution looks at single pixels, none of them padding, but not at all of them, and has channels enough
/// to repay copying those: rows of pixels, short as they are, become long ones.
bool wants_samples(const KernelTable& kernels, const ConvShape& shape);

/// The same convolution of what it samples, side by side: without a stride, and joined.
ConvShape of_samples(const ConvShape& shape);

/// Calls body(offset, pixel, pixels) for every run of output pixels [first, end), counted along rows, that lie in one
/// row: so many from `pixel` on see what lies stride_w * ic apart in src from `offset` on.
template <class Body>
void for_each_sampled_row(const ConvShape& shape, std::int64_t first, std::int64_t end, Body body) {
  const std::int64_t ow = shape.ow();
  for (std::int64_t pixel = first; pixel < end;) {
    const std::int64_t row = pixel / ow, column = pixel % ow, pixels = std::min(ow - column, end - pixel);
    body((row * shape.stride_h * shape.iw + column * shape.stride_w) * shape.ic, pixel, pixels);
    pixel += pixels;
  }
}

/// What output pixels [first, end) of each image see, copied to `scratch`, from which it takes just that.
const float* copy_samples(const KernelTable& kernels, const ConvShape& shape, const float* src, std::int64_t images,
                          std::int64_t first, std::int64_t end, Workspace& scratch);

}  // namespace tilewise::simd
