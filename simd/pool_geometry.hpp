#pragma once

#include <cstdint>

#include "tilewise/simd/conv_shape.hpp"

namespace tilewise::simd {

/// One image of a max- or average-pooling: window kh x kw, first row and column of window (oh, ow) at
/// (oh * stride_h - pad_top, ow * stride_w - pad_left). What lies outside the image is not looked at.
struct PoolGeometry {
  std::int64_t ih = 0, iw = 0, oh = 0, ow = 0, channels = 0;
  std::int64_t kh = 1, kw = 1, stride_h = 1, stride_w = 1, pad_top = 0, pad_left = 0;
};

/// The place kh * KW + kw of a max-pooling window's largest element. Two bytes: pooling moves memory, and four would be
/// a third of what it writes.
using PoolPlace = std::uint16_t;
/// The most elements that a window of max-pooling may have.
inline constexpr std::int64_t kMaxPoolTaps = 1 << 16;

/// `pool`. Throws ShapeError unless it is a max-pooling of the output of `conv`, each window of which sees a pixel.
const PoolGeometry& checked_pool_of(const ConvShape& conv, const PoolGeometry& pool);

}  // namespace tilewise::simd
