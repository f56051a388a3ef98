#pragma once

#include "tilewise/layers/step.hpp"
#include "tilewise/layers/window2d.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise {

/// The pooling of an image of shape `input`, in the kernels' terms. Throws as slide_window() does.
simd::PoolGeometry pool_geometry(const Shape& input, Extent2D pool_size, Extent2D strides,
                                    Padding padding);

/// The part of it that reads context.src and makes context.dst.
simd::PoolGeometry corner_of(simd::PoolGeometry geometry, const StepContext& context);

}  // namespace tilewise
