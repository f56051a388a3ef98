#include "tilewise/simd/winograd_tiles.hpp"

#include <algorithm>

#include "tilewise/core/workspace.hpp"

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

/// What an image takes, in multiply-adds of vectors for one vector of output channels and one input channel.
double image_cost(const KernelTable& kernels, const ConvShape& s, WinogradSize size, const WinogradCosts& costs) {
  const double transform = size == WinogradSize::four ? costs.transform_4x4 : costs.transform_2x2;
  const auto tiles = static_cast<double>(WinogradTiles(s, size).count(1));
  const auto positions = static_cast<double>(winograd_positions(size));
  const std::int64_t width = winograd_kernels(kernels, s).vector_floats;
  const auto ic = static_cast<double>(s.ic), oc_vectors = static_cast<double>(ceil_div(s.oc, width));
  const auto ic_vectors = static_cast<double>(ceil_div(s.ic, width));
  return tiles * (positions + transform * (ic_vectors + oc_vectors) / (ic * oc_vectors)) + positions * costs.once;
}

}  // namespace

WinogradTiles::WinogradTiles(const ConvShape& shape, WinogradSize size)
    : shape_(shape),
      outputs_(winograd_outputs(size)),
      rows_(ceil_div(shape.oh(), outputs_)),
      columns_(ceil_div(shape.ow(), outputs_)) {}

void WinogradTiles::list(std::int64_t first, std::int64_t count, WinogradTile* tiles) const {
  const ConvShape& s = shape_;
  std::int64_t image = first / (rows_ * columns_), row = first / columns_ % rows_, column = first % columns_;
  const auto inside = [&](std::int64_t at) {
    return static_cast<std::int32_t>(std::clamp<std::int64_t>(at, 0, outputs_ + 2));
  };
  const auto wanted = [&](std::int64_t left) { return static_cast<std::int32_t>(std::min(left, outputs_)); };
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t oh = outputs_ * row, ow = outputs_ * column;
    const std::int64_t ih = oh - s.pad_top, iw = ow - s.pad_left;
    tiles[i] = {.src = image * s.src_size() + (ih * s.iw + iw) * s.ic,
                .dst = image * s.dst_size() + (oh * s.ow() + ow) * s.oc,
                .first_row = inside(-ih),
                .end_row = std::min(inside(s.ih - ih), wanted(s.oh() - oh) + 2),
                .first_column = inside(-iw),
                .end_column = std::min(inside(s.iw - iw), wanted(s.ow() - ow) + 2),
                .rows = wanted(s.oh() - oh),
                .columns = wanted(s.ow() - ow),
                .blank = 0};
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

double winograd_multiply_adds(const ConvShape& s, WinogradSize size) {
  return product(WinogradTiles(s, size).count(1), winograd_positions(size)) * product(s.ic, s.oc);
}

const KernelTable& winograd_kernels(const KernelTable& kernels, const ConvShape& s) {
  const bool src_fills_vectors = &kernels_for_columns(kernels, s.ic) == &kernels;
  return kernels_for_columns(kernels, s.oc, src_fills_vectors ? 1 : 2);
}

std::optional<WinogradSize> choose_winograd_size(const KernelTable& kernels, const ConvShape& s,
                                                 ConvAlgorithm algorithm, const WinogradCosts& costs) {
  if (!has_winograd_tiles(s) || algorithm == ConvAlgorithm::direct) return std::nullopt;
  std::optional<WinogradSize> best;
  double least = product(taps_inside(s.oh(), s.ih, s.pad_top), taps_inside(s.ow(), s.iw, s.pad_left));
  for (const WinogradSize size : kWinogradSizes) {
    if (size == WinogradSize::four && algorithm == ConvAlgorithm::winograd_2x2) continue;
    const double cost = image_cost(kernels, s, size, costs);
    if (cost >= least) continue;
    least = cost;
    best = size;
  }
  return best;
}

std::string winograd_name(WinogradSize size) {
  const std::string outputs = std::to_string(winograd_outputs(size));
  return "winograd " + outputs + "x" + outputs;
}

std::int64_t winograd_tile_floats(std::int64_t channels) {
  const std::int64_t floats = round_up_to_line(channels);
  return floats % 128 == 0 ? floats + 16 : floats;
}

std::int64_t winograd_plane_floats(std::int64_t tiles, std::int64_t tile_floats) {
  return round_up_to_line(tiles * tile_floats) + 16;
}

}  // namespace tilewise::simd
