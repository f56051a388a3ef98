#include "tilewise/simd/pool_geometry.hpp"

#include <string>

#include "tilewise/core/error.hpp"

namespace tilewise::simd {
namespace {

/// Whether there are windows along an axis, and each sees one of `input` pixels.
bool all_see_pixels(std::int64_t input, std::int64_t windows, std::int64_t size, std::int64_t stride,
                    std::int64_t padding) {
  return windows >= 1 && size >= 1 && stride >= 1 && 0 <= padding && padding < size &&
         windows - 1 <= (input - 1 + padding) / stride;
}

}  // namespace

const PoolGeometry& checked_pool_of(const ConvShape& conv, const PoolGeometry& pool) {
  const auto fail = [&](const char* why) {
    throw ShapeError("max-pooling of " + std::to_string(pool.ih) + " x " + std::to_string(pool.iw) + " x " +
                     std::to_string(pool.channels) + " pixels after convolution " + conv.to_string() + ": " + why);
  };
  conv.check();
  if (pool.ih != conv.oh() || pool.iw != conv.ow() || pool.channels != conv.oc) fail("is not of its output");
  if (!all_see_pixels(pool.ih, pool.oh, pool.kh, pool.stride_h, pool.pad_top) ||
      !all_see_pixels(pool.iw, pool.ow, pool.kw, pool.stride_w, pool.pad_left)) {
    fail("a window sees no pixel");
  }
  if (pool.kh > kMaxPoolTaps / pool.kw) fail("a window has more than 2^16 elements");
  return pool;
}

}  // namespace tilewise::simd
