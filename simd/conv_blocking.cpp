#include "tilewise/simd/conv_blocking.hpp"

#include <algorithm>

namespace tilewise::simd {
namespace {

// A band is long enough for what its filters cost to load, and short enough for its pixels to stay in
// cache from one panel of filters to the next. Each float of a panel is loaded once for every pixel of
// the band: half a vector a cycle for 8 pixels, a sixteenth for 64.
//   filters in L2 (256 KB):  64 pixels, of few channels up to 512, as many as are 32 KB, for to turn to a panel takes
//                            some 200 cycles
//   filters beyond:          256 pixels
constexpr double kFiltersInL2 = 256 * 1024;

std::int64_t band_pixels(const ConvShape& s) {
  const double bytes = 4.0 * static_cast<double>(s.wei_size());
  constexpr std::int64_t kFloats = 8 * 1024;
  return bytes <= kFiltersInL2 ? std::clamp<std::int64_t>(kFloats / s.ic, kLeastBandPixels, 512) : 256;
}

/// Bands of the output. A row that needs padding is copied whole, so it is not cut.
PixelBands output_bands(const ConvShape& s, std::int64_t pixels) {
  PixelBands bands = pixel_bands(s.oh(), s.ow(), pixels);
  if (s.padded()) bands.columns = EvenSplit(s.ow(), s.ow());
  return bands;
}

}  // namespace

PixelBand PixelBands::operator[](std::int64_t i) const {
  const std::int64_t row = rows.begin(i / columns.pieces), column = columns.begin(i % columns.pieces);
  return {row, row + rows.size(i / columns.pieces), column, column + columns.size(i % columns.pieces)};
}

TileShape choose_conv_tile(const KernelTable& kernels, std::int64_t m, std::int64_t n, std::int64_t k) {
  constexpr std::int64_t kLong = 28;
  const TileShape widest = widest_tile(kernels);
  const bool suits = has_wide_vectors(kernels) && m >= kLong && n % widest.columns == 0;
  return suits ? widest : choose_tile(kernels, m, n, k);
}

PixelBands pixel_bands(std::int64_t h, std::int64_t w, std::int64_t pixels) {
  const auto longest = [=](std::int64_t extent, std::int64_t size) {
    const std::int64_t pieces = std::max<std::int64_t>(1, extent * size / pixels);
    return ceil_div(extent, pieces);
  };
  return h == 1 ? PixelBands{EvenSplit(1, 1), EvenSplit(w, longest(w, 1))}
                : PixelBands{EvenSplit(h, longest(h, w)), EvenSplit(w, w)};
}

PixelBands forward_bands(const ConvShape& s) { return pixel_bands(s.oh(), s.ow(), band_pixels(s)); }

// As many pixels as a band has whose filters do not fit in L2: these are read once for all of them, and tiles are as
// tall as they may be.
std::int64_t forward_group(const ConvShape& s) {
  return std::max<std::int64_t>(1, 256 / (s.oh() * s.ow()));
}

PixelBands padded_bands(const ConvShape& s) {
  constexpr std::int64_t kMostFloats = 8 * 1024;
  const std::int64_t floats = std::min(kMostFloats, (s.src_size() + s.dst_size() + s.wei_size()) / 2);
  const std::int64_t window = (s.kh - 1) * s.dilation_h + 1;
  const std::int64_t rows = (floats / (s.stored_w() * s.ic) - window) / s.stride_h + 1;
  return {EvenSplit(s.oh(), std::max<std::int64_t>(1, rows)), EvenSplit(s.ow(), s.ow())};
}

// Longer than forward, and by the stride, so that there are several rows of every phase: the edges, of a pixel's width,
// are tiled along them.
PixelBands backward_data_bands(const ConvShape& s) {
  constexpr std::int64_t kPixels = 256;
  return pixel_bands(s.ih, s.iw, kPixels * s.stride_h);
}

bool clears_unseen_columns(const TapAxis& columns, const TileShape& tile) {
  constexpr std::int64_t kSmallTile = 128;
  std::int64_t all = 0, unseen = 0;
  for (const TapRun& run : columns.runs) {
    all += run.outputs;
    unseen += run.taps == 0 ? run.outputs : 0;
  }
  return unseen > 0 && (2 * unseen > all || tile.rows * tile.columns <= kSmallTile);
}

// Twice as many pixels as forward: edges are wider, and corners are tiled along images.
std::int64_t backward_data_group(const ConvShape& s) {
  return std::max<std::int64_t>(1, 512 / (s.ih * s.iw));
}

// 256 pixels: a panel of d_dst (256 x 16 columns) takes 16 KB, and d_wei is read and written once for as
// many. Fewer where so many pixels of src would not fit in half a megabyte. Where d_dst is used in place, up to
// 1024: as many as take a quarter of a megabyte; where it is used often, 256 or as many as take, with what they see of
// src, an eighth.
std::int64_t backward_weights_pixels(const ConvShape& s, DDstUse use) {
  if (use == DDstUse::packed) return std::clamp<std::int64_t>(128 * 1024 / s.ic, 64, 256);
  const std::int64_t pixels = std::clamp<std::int64_t>(64 * 1024 / std::max(s.ic, s.oc), 64, 1024);
  const std::int64_t near = 32 * 1024 / (s.stride_h * s.stride_w * s.ic + s.oc);
  return use == DDstUse::seldom ? pixels : std::min(pixels, std::max<std::int64_t>(256, near));
}

PixelBands backward_weights_bands(const ConvShape& s, DDstUse use) {
  return output_bands(s, backward_weights_pixels(s, use));
}

ConvTasks::ConvTasks(int threads, std::int64_t images, std::int64_t bands, std::int64_t panels,
                     double multiply_adds, BandTasks band_tasks)
    : nanoseconds_(kMultiplyAddNanoseconds * multiply_adds * static_cast<double>(images)),
      bands_{.total = images * bands, .pieces = 1},
      panels_(panels, panels) {
  if (threads == 1) return;
  // Runs of bands while there are enough of them, for then a thread's pixels stay in its cache.
  // Several a thread, for balance; of panels fewer, where each prepares its bands anew.
  constexpr std::int64_t kTasks = 8, kPreparingTasks = 2;
  const auto tasks = [&](std::int64_t per_thread) {
    return task_count(multiply_adds * static_cast<double>(images), threads, per_thread);
  };
  bands_.pieces = std::clamp<std::int64_t>(bands_.total, 1, tasks(kTasks));
  const std::int64_t wanted = tasks(band_tasks == BandTasks::prepare ? kPreparingTasks : kTasks);
  panels_ = EvenSplit(panels, ceil_div(panels, ceil_div(wanted, bands_.pieces)));
}

ConvTasks::Task ConvTasks::operator[](std::int64_t i) const {
  const std::int64_t b = i / panels_.pieces, p = i % panels_.pieces;
  return {bands_.begin(b), bands_.begin(b) + bands_.size(b), panels_.begin(p),
          panels_.begin(p) + panels_.size(p)};
}

}  // namespace tilewise::simd
