#pragma once

#include "tilewise/core/workspace.hpp"
#include "tilewise/simd/conv_shape.hpp"

namespace tilewise::simd {

/// Rows of the padded image that `rows` rows of output see.
std::int64_t rows_seen(const ConvShape& shape, std::int64_t rows);

/// Floats of workspace that padded_rows() takes for `rows` rows of output.
std::int64_t padded_rows_floats(const ConvShape& shape, std::int64_t rows);

/// What `rows` rows of output from `first` on read of the image, with its padding of zeros: rows of
/// stored_w * ic floats. Part of `src` itself when there is no padding, else a copy in `scratch`. With
/// it the kernels never meet an edge.
const float* padded_rows(const ConvShape& shape, const float* src, std::int64_t first,
                         std::int64_t rows, Workspace& scratch);

}  // namespace tilewise::simd
