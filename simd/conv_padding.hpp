#pragma once

#include "tilewise/core/workspace.hpp"
#include "tilewise/simd/conv_shape.hpp"

namespace tilewise::simd {

/// Floats of workspace that padded_image() takes.
std::int64_t padded_image_floats(const ConvShape& shape);

/// The image with its padding of zeros, (stored_h, stored_w, ic): `src` itself when there is none,
/// else a copy in `scratch`. With it the kernels never meet an edge.
const float* padded_image(const ConvShape& shape, const float* src, Workspace& scratch);

}  // namespace tilewise::simd
