#include "tilewise/simd/winograd_tiles.hpp"

#include <algorithm>

#include "tilewise/core/workspace.hpp"
#include "tilewise/simd/blocking.hpp"

namespace tilewise::simd {
namespace {

/// Of the three taps of each of so many outputs along an axis those inside the image, `input` long.
std::int64_t taps_inside(std::int64_t outputs, std::int64_t input, std::int64_t padding) {
  std::int64_t taps = 0;
  for (std::int64_t tap = 0; tap < 3; ++tap) {
    const std::int64_t first = std::max<std::int64_t>(0, padding - tap);
    taps += std::max<std::int64_t>(0, std::min(outputs, input + padding - tap) - first);
  }
  return taps;
}

double product(std::int64_t a, std::int64_t b) { return static_cast<double>(a) * static_cast<double>(b); }

}  // namespace

WinogradTiles::WinogradTiles(const ConvShape& shape)
    : shape_(shape), rows_(ceil_div(shape.oh(), 2)), columns_(ceil_div(shape.ow(), 2)) {}

void WinogradTiles::list(std::int64_t first, std::int64_t count, WinogradTile* tiles) const {
  const ConvShape& s = shape_;
  std::int64_t image = first / (rows_ * columns_), row = first / columns_ % rows_, column = first % columns_;
  const auto inside = [](std::int64_t at) { return static_cast<std::int32_t>(std::clamp<std::int64_t>(at, 0, 4)); };
  const auto wanted = [](std::int64_t left) { return static_cast<std::int32_t>(std::min<std::int64_t>(left, 2)); };
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t oh = 2 * row, ow = 2 * column;
    const std::int64_t ih = oh - s.pad_top, iw = ow - s.pad_left;
    tiles[i] = {.src = image * s.src_size() + (ih * s.iw + iw) * s.ic,
                .dst = image * s.dst_size() + (oh * s.ow() + ow) * s.oc,
                .first_row = inside(-ih),
                .end_row = std::min(inside(s.ih - ih), wanted(s.oh() - oh) + 2),
                .first_column = inside(-iw),
                .end_column = std::min(inside(s.iw - iw), wanted(s.ow() - ow) + 2),
                .rows = wanted(s.oh() - oh),
                .columns = wanted(s.ow() - ow)};
    if (++column < columns_) continue;
    column = 0;
    if (++row < rows_) continue;
    row = 0;
    ++image;
  }
}

bool has_winograd_tiles(const ConvShape& s) {
  return s.kh == 3 && s.kw == 3 && s.stride_h == 1 && s.stride_w == 1 && s.dilation_h == 1 && s.dilation_w == 1;
}

double winograd_multiply_adds(const ConvShape& s) {
  return product(WinogradTiles(s).count(1), kWinogradPositions) * product(s.ic, s.oc);
}

const KernelTable& winograd_kernels(const KernelTable& kernels, const ConvShape& s) {
  const bool src_fills_vectors = &kernels_for_columns(kernels, s.ic) == &kernels;
  return kernels_for_columns(kernels, s.oc, src_fills_vectors ? 1 : 2);
}

WinogradCost winograd_cost(const KernelTable& kernels, const ConvShape& s) {
  constexpr double kTransform = 100;
  const std::int64_t width = winograd_kernels(kernels, s).vector_floats;
  const auto ic = static_cast<double>(s.ic), oc_vectors = static_cast<double>(ceil_div(s.oc, width));
  const auto ic_vectors = static_cast<double>(ceil_div(s.ic, width));
  const double tile = kWinogradPositions + kTransform * (ic_vectors + oc_vectors) / (ic * oc_vectors);
  return {.direct = product(taps_inside(s.oh(), s.ih, s.pad_top), taps_inside(s.ow(), s.iw, s.pad_left)),
          .winograd = static_cast<double>(WinogradTiles(s).count(1)) * tile};
}

std::int64_t winograd_tile_floats(std::int64_t channels) {
  const std::int64_t floats = round_up_to_line(channels);
  return floats % 128 == 0 ? floats + 16 : floats;
}

std::int64_t winograd_plane_floats(std::int64_t tiles, std::int64_t tile_floats) {
  return round_up_to_line(tiles * tile_floats) + 16;
}

}  // namespace tilewise::simd
