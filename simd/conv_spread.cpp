#include "tilewise/simd/conv_spread.hpp"

#include <algorithm>

#include "tilewise/core/error.hpp"
#include "tilewise/simd/panels.hpp"

namespace tilewise::simd {
namespace {

/// Output pixels whose windows are computed in one go: they should stay in L1.
constexpr std::int64_t kSpreadPixels = 32;

/// Windows reach over the edges of a band, and are computed for both sides: few and tall bands.
PixelBands spreading_bands(const ConvShape& s) {
  return pixel_bands(s.ih, s.iw, std::max<std::int64_t>(8 * s.kh * s.dilation_h, s.ih / 8) * s.iw);
}

}  // namespace

bool ConvSpread::pays(const KernelTable& kernels, const ConvShape& s) {
  const std::int64_t width = kernels_for_columns(kernels, s.ic).vector_floats;
  const bool few = s.ic < width && (width <= 8 || 2 * s.ic <= width);
  return few && s.kh * s.kw > 1 && s.dilation_w == 1;
}

ConvSpread::ConvSpread(const KernelTable& kernels, const ConvShape& shape)
    : shape_(shape.checked()),
      kernels_(kernels_for_columns(kernels, window_floats())),
      bands_(spreading_bands(shape_)),
      tile_(choose_tile(kernels_, std::min(shape_.ow(), kSpreadPixels), window_floats(), shape_.oc)) {
  if (shape.dilation_w != 1) {
    throw ArgumentError("ConvSpread: " + shape.to_string() + " has taps that are not side by side");
  }
}

std::int64_t ConvSpread::packed_floats() const { return simd::packed_floats(tile_, shape_.oc, window_floats()); }

std::int64_t ConvSpread::scratch_floats() const {
  return round_up_to_line(std::min(kSpreadPixels, shape_.ow()) * window_floats());
}

// packed(panel, oc, j) = wei(panel * tile.columns + j, oc), of the joined kh, kw, ic
void ConvSpread::pack(const float* wei, float* packed) const {
  pack_panels(kernels_, tile_, shape_.oc, window_floats(), Transpose::yes, wei, shape_.oc, packed);
}

void ConvSpread::band(const float* d_dst, const float* packed_wei, float* d_src, const PixelBand& band,
                      Workspace scratch) const {
  const ConvShape& s = shape_;
  const std::int64_t window = window_floats();
  float* const windows = scratch.take(std::min(kSpreadPixels, s.ow()) * window);
  std::fill(d_src + band.first_row * s.iw * s.ic, d_src + band.end_row * s.iw * s.ic, 0.0F);
  TileArgs args{.a_offsets = &kNoOffset,
                .b_offsets = &kNoOffset,
                .pairs = 1,
                .k = s.oc,
                .a_row_stride = s.oc,
                .a_k_stride = 1,
                .ldb = tile_.columns,
                .ldc = window};
  // The rows of output whose windows reach into the band.
  const std::int64_t reach = (s.kh - 1) * s.dilation_h;
  const std::int64_t first_oh =
      std::max<std::int64_t>(0, ceil_div(band.first_row + s.pad_top - reach, s.stride_h));
  const std::int64_t end_oh = std::min(s.oh(), (band.end_row - 1 + s.pad_top) / s.stride_h + 1);
  for (std::int64_t oh = first_oh; oh < end_oh; ++oh) {
    for (std::int64_t ow = 0; ow < s.ow(); ow += kSpreadPixels) {
      const std::int64_t count = std::min(kSpreadPixels, s.ow() - ow);
      const EvenSplit tiles(count, tile_.rows);
      args.a = d_dst + (oh * s.ow() + ow) * s.oc;
      for (std::int64_t n = 0; n < window; n += tile_.columns) {
        args.b = packed_wei + n * s.oc;
        args.c = windows + n;
        args.columns = std::min(tile_.columns, window - n);
        multiply_panel(kernels_, tiles, args);
      }
      add_windows(windows, oh, ow, count, band, d_src);
    }
  }
}

void ConvSpread::add_windows(const float* windows, std::int64_t oh, std::int64_t first, std::int64_t count,
                             const PixelBand& band, float* d_src) const {
  const ConvShape& s = shape_;
  const std::int64_t row = s.kw * s.ic, window = s.kh * row;
  // Filter rows [first_kh, end_kh) meet the band.
  const std::int64_t top = oh * s.stride_h - s.pad_top;
  const std::int64_t first_kh =
      std::max<std::int64_t>(0, ceil_div(band.first_row - top, s.dilation_h));
  const std::int64_t end_kh = std::min(s.kh, ceil_div(band.end_row - top, s.dilation_h));
  if (first_kh >= end_kh) return;
  const auto left = [&](std::int64_t ow) { return ow * s.stride_w - s.pad_left; };
  // Windows that lie within the image's width go in one call, those that cross its edges tap by tap.
  const std::int64_t end = first + count;
  const std::int64_t first_inside = std::clamp(ceil_div(s.pad_left, s.stride_w), first, end);
  const std::int64_t end_inside = std::clamp<std::int64_t>(
      s.iw < s.kw ? 0 : (s.iw - s.kw + s.pad_left) / s.stride_w + 1, first_inside, end);
  const auto add_clipped = [&](std::int64_t ow) {
    for (std::int64_t kh = first_kh; kh < end_kh; ++kh) {
      const std::int64_t first_kw = std::clamp<std::int64_t>(-left(ow), 0, s.kw);
      const std::int64_t end_kw = std::clamp<std::int64_t>(s.iw - left(ow), first_kw, s.kw);
      const float* const in = windows + (ow - first) * window + kh * row;
      float* const out = d_src + (top + kh * s.dilation_h) * s.iw * s.ic;
      for (std::int64_t i = first_kw * s.ic; i < end_kw * s.ic; ++i) out[left(ow) * s.ic + i] += in[i];
    }
  };
  for (std::int64_t ow = first; ow < first_inside; ++ow) add_clipped(ow);
  kernels_.add_windows(end_inside - first_inside, end_kh - first_kh, row,
                       windows + (first_inside - first) * window + first_kh * row, window,
                       d_src + ((top + first_kh * s.dilation_h) * s.iw + left(first_inside)) * s.ic,
                       s.stride_w * s.ic, s.dilation_h * s.iw * s.ic);
  for (std::int64_t ow = end_inside; ow < end; ++ow) add_clipped(ow);
}

void ConvSpread::images(std::int64_t images, const float* d_dst, const float* packed_wei, float* d_src,
                        Workspace scratch) const {
  for (std::int64_t n = 0; n < images; ++n) {
    for (std::int64_t i = 0; i < bands_.pieces(); ++i) {
      band(d_dst + n * shape_.dst_size(), packed_wei, d_src + n * shape_.src_size(), bands_[i], scratch);
    }
  }
}

void ConvSpread::batch(Executor& executor, std::int64_t images, const float* d_dst, const float* packed_wei,
                       float* d_src, Workspace workspace) const {
  if (images == 0) return;
  const std::int64_t scratch = scratch_floats();
  float* const memory = workspace.take(executor.threads() * scratch);
  constexpr std::int64_t kOnePanel = 1;
  const ConvTasks tasks(executor.threads(), images, bands_.pieces(), kOnePanel, shape_.multiply_adds());
  executor.parallel_for(tasks.count(), tasks.nanoseconds(), [&](std::int64_t i, int worker) {
    const ConvTasks::Task task = tasks[i];
    for (std::int64_t b = task.first_band; b < task.end_band; ++b) {
      const std::int64_t n = b / bands_.pieces();
      band(d_dst + n * shape_.dst_size(), packed_wei, d_src + n * shape_.src_size(), bands_[b % bands_.pieces()],
           Workspace(memory + worker * scratch, scratch));
    }
  });
}

}  // namespace tilewise::simd
