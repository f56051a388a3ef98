#include "tilewise/simd/conv_backward_data.hpp"

#include <algorithm>
#include <limits>

namespace tilewise::simd {
namespace {

/// Output pixels whose windows are computed in one go when spreading: they should stay in L1.
constexpr std::int64_t kSpreadPixels = 32;

constexpr float kNoFloor = -std::numeric_limits<float>::infinity();

/// Where channels do not fill a vector, all taps of a window together do.
bool wants_spreading(const KernelTable& kernels, const ConvShape& s) {
  return s.ic < kernels_for_columns(kernels, s.ic).vector_floats && s.kh * s.kw > 1 &&
         s.dilation_w == 1;
}

/// The convolution of d_dst with filters turned around that makes d_src, where one does: padded by what the filters
/// reach over.
std::optional<ConvShape> convolution_of_d_dst(const ConvShape& s) {
  const ConvShape turned{.ic = s.oc,
                         .ih = s.oh(),
                         .iw = s.ow(),
                         .oc = s.ic,
                         .kh = s.kh,
                         .kw = s.kw,
                         .pad_top = s.kh - 1 - s.pad_top,
                         .pad_left = s.kw - 1 - s.pad_left,
                         .pad_bottom = s.ih - s.oh() + s.pad_top,
                         .pad_right = s.iw - s.ow() + s.pad_left};
  if (s.stride_h != 1 || s.stride_w != 1 || s.dilation_h != 1 || s.dilation_w != 1 || turned.pad_top < 0 ||
      turned.pad_left < 0) {
    return std::nullopt;
  }
  return turned;
}

std::optional<ConvWinograd> choose_winograd(const KernelTable& kernels, const ConvShape& shape,
                                            ConvAlgorithm algorithm) {
  const std::optional<ConvShape> turned = convolution_of_d_dst(shape);
  if (algorithm == ConvAlgorithm::direct || !turned || !ConvWinograd::pays(kernels, *turned)) return std::nullopt;
  return ConvWinograd(kernels, *turned);
}

}  // namespace

ConvBackwardData::ConvBackwardData(const KernelTable& kernels, const ConvShape& shape, ConvAlgorithm algorithm)
    : shape_(shape.joined()),
      winograd_(choose_winograd(kernels, shape_, algorithm)),
      spreads_(wants_spreading(kernels, shape_)),
      kernels_(kernels_for_columns(
          kernels, spreads_ ? shape_.kh * shape_.kw * shape_.ic : shape_.ic)),
      bands_(backward_data_bands(shape_)) {
  if (!winograd_) spreads_ ? prepare_spreading() : prepare_gathering();
}

void ConvBackwardData::prepare_spreading() {
  const ConvShape& s = shape_;
  tile_ = choose_tile(kernels_, std::min(s.ow(), kSpreadPixels), s.kh * s.kw * s.ic, s.oc);
  // Windows reach over the edges of a band, and are computed for both sides: few and tall bands.
  bands_ = pixel_bands(s.ih, s.iw, std::max<std::int64_t>(8 * s.kh * s.dilation_h, s.ih / 8) * s.iw);
}

void ConvBackwardData::prepare_gathering() {
  const ConvShape& s = shape_;
  tile_ = choose_conv_tile(kernels_, std::min(s.ow(), bands_.columns.size(0)), s.ic, s.kh * s.oc);
  for (std::int64_t kw = 0; kw < s.kw; ++kw) {
    // iw = ow * stride_w + shift must be in [0, s.iw)
    const std::int64_t shift = kw * s.dilation_w - s.pad_left;
    const std::int64_t first = shift >= 0 ? 0 : ceil_div(-shift, s.stride_w);
    const std::int64_t end =
        shift >= s.iw ? 0 : std::min(s.ow(), (s.iw - 1 - shift) / s.stride_w + 1);
    if (end > first) columns_.push_back({kw, first, end - first, first * s.stride_w + shift});
  }
  // A pass that reaches every pixel comes first: it stores where the others add.
  const auto covers = [&](const Column& c) { return s.stride_w == 1 && c.count == s.iw; };
  const auto covering = std::ranges::find_if(columns_, covers);
  first_covers_ = covering != columns_.end();
  if (first_covers_) std::iter_swap(columns_.begin(), covering);
  // Columns kw and kw' meet where (kw - kw') * dilation_w is a multiple of stride_w.
  disjoint_ = true;
  for (std::int64_t kw = 1; kw < s.kw; ++kw) {
    disjoint_ = disjoint_ && kw * s.dilation_w % s.stride_w != 0;
  }
  for (std::int64_t ih = 0; ih < s.ih; ++ih) {
    row_first_.push_back(static_cast<std::int64_t>(d_dst_offsets_.size()));
    for (std::int64_t kh = 0; kh < s.kh; ++kh) {
      const std::int64_t position = ih + s.pad_top - kh * s.dilation_h;
      if (position < 0 || position % s.stride_h != 0 || position / s.stride_h >= s.oh()) continue;
      d_dst_offsets_.push_back(position / s.stride_h * s.ow() * s.oc);
      wei_offsets_.push_back(kh * s.oc * tile_.columns);
    }
  }
  row_first_.push_back(static_cast<std::int64_t>(d_dst_offsets_.size()));
}

std::string ConvBackwardData::kernel() const {
  if (winograd_) return winograd_->kernel();
  return "tile " + tile_.to_string() + (spreads_ ? " spread" : "");
}

double ConvBackwardData::multiply_adds() const {
  return winograd_ ? winograd_->multiply_adds() : shape_.multiply_adds();
}

std::int64_t ConvBackwardData::packed_floats() const {
  if (winograd_) return winograd_->packed_floats();
  const ConvShape& s = shape_;
  return spreads_ ? simd::packed_floats(tile_, s.oc, s.kh * s.kw * s.ic)
                  : s.kh * s.kw * simd::packed_floats(tile_, s.oc, s.ic);
}

std::int64_t ConvBackwardData::scratch_floats() const {
  if (winograd_) return winograd_->scratch_floats();
  return spreads_ ? round_up_to_line(std::min(kSpreadPixels, shape_.ow()) * shape_.kh * shape_.kw *
                                     shape_.ic)
                  : 0;
}

// Gathered: packed(panel, kw, kh, oc, j) = wei(kh, kw, panel * tile.columns + j, oc)
// Spread:   packed(panel, oc, j)         = wei(panel * tile.columns + j, oc), of the joined kh, kw, ic
void ConvBackwardData::pack(const float* wei, float* packed) const {
  if (winograd_) return winograd_->pack_transposed(wei, packed);
  const ConvShape& s = shape_;
  if (spreads_) {
    pack_panels(kernels_, tile_, s.oc, s.kh * s.kw * s.ic, Transpose::yes, wei, s.oc, packed);
    return;
  }
  for (std::int64_t ic = 0; ic < s.ic; ic += tile_.columns) {
    const std::int64_t columns = std::min(tile_.columns, s.ic - ic);
    for (std::int64_t kw = 0; kw < s.kw; ++kw) {
      for (std::int64_t kh = 0; kh < s.kh; ++kh, packed += s.oc * tile_.columns) {
        pack_panels(kernels_, tile_, s.oc, columns, Transpose::yes,
                    wei + ((kh * s.kw + kw) * s.ic + ic) * s.oc, s.oc, packed);
      }
    }
  }
}

// The next band follows in memory, and after an image's last the next image's first.
Ahead ConvBackwardData::next_band(const float* d_dst, const PixelBand& band,
                                  std::int64_t panels) const {
  const ConvShape& s = shape_;
  const std::int64_t seen =
      bands_.columns.pieces > 1
          ? std::min(s.ow(), band.end_column / s.stride_w)
          : std::min(s.oh(), (band.end_row - 1 + s.pad_top) / s.stride_h + 1) * s.ow();
  const std::int64_t pixels = band.rows() * band.columns() / (s.stride_h * s.stride_w);
  const std::int64_t tiles = ceil_div(band.rows(), s.stride_h) *
                             ceil_div(band.columns(), tile_.rows * s.stride_w) *
                             static_cast<std::int64_t>(columns_.size());
  return {d_dst + seen * s.oc, pixels * s.oc, tiles * panels};
}

void ConvBackwardData::gather(const float* d_dst, const float* packed_wei, float* d_src,
                              const PixelBand& band, std::int64_t first_ic, std::int64_t end_ic) const {
  const ConvShape& s = shape_;
  const auto [first_row, end_row, first_iw, end_iw] = band;
  const auto pairs = [&](std::int64_t ih) {
    const auto row = static_cast<std::size_t>(ih);
    return row_first_[row + 1] - row_first_[row];
  };
  for (std::int64_t ih = first_row; ih < end_row; ++ih) {
    if (first_covers_ && pairs(ih) > 0) continue;
    float* const row = d_src + ih * s.iw * s.ic;
    if (end_ic - first_ic == s.ic) {
      std::fill(row + first_iw * s.ic, row + end_iw * s.ic, 0.0F);
      continue;
    }
    for (std::int64_t iw = first_iw; iw < end_iw; ++iw) {
      std::fill(row + iw * s.ic + first_ic, row + iw * s.ic + end_ic, 0.0F);
    }
  }

  TileArgs args{.k = s.oc,
                .a_row_stride = s.oc,
                .a_k_stride = 1,
                .ldb = tile_.columns,
                .ldc = s.stride_w * s.ic};
  Ahead ahead = next_band(d_dst, band, ceil_div(end_ic - first_ic, tile_.columns));
  const std::int64_t slab = s.kh * s.oc * tile_.columns;
  // Filter columns outside, rows inside: one slab of filters (kh x oc x columns) stays in L1.
  for (std::int64_t ic = first_ic; ic < end_ic; ic += tile_.columns) {
    args.columns = std::min(tile_.columns, s.ic - ic);
    for (const Column& column : columns_) {
      const bool stores = disjoint_ || (first_covers_ && &column == columns_.data());
      args.epilogue = stores ? Epilogue::store : Epilogue::add;
      // Pixels first_iw <= column.first_iw + j stride_w < end_iw of the band
      const auto pixels_before = [&, column](std::int64_t iw) {
        return std::clamp<std::int64_t>(ceil_div(iw - column.first_iw, s.stride_w), 0, column.count);
      };
      const std::int64_t first = pixels_before(first_iw);
      const std::int64_t count = pixels_before(end_iw) - first;
      const EvenSplit tiles(count, tile_.rows);
      args.a = d_dst + (column.first_ow + first) * s.oc;
      args.b = packed_wei + (ic / tile_.columns * s.kw + column.kw) * slab;
      for (std::int64_t ih = first_row; ih < end_row && count > 0; ++ih) {
        args.pairs = pairs(ih);
        if (args.pairs == 0) continue;
        args.a_offsets = d_dst_offsets_.data() + row_first_[static_cast<std::size_t>(ih)];
        args.b_offsets = wei_offsets_.data() + row_first_[static_cast<std::size_t>(ih)];
        args.c = d_src + (ih * s.iw + column.first_iw + first * s.stride_w) * s.ic + ic;
        multiply_panel(kernels_, tiles, args, ahead);
      }
    }
  }
}

void ConvBackwardData::spread(const float* d_dst, const float* packed_wei, float* d_src,
                              const PixelBand& band, Workspace scratch) const {
  const ConvShape& s = shape_;
  const std::int64_t window = s.kh * s.kw * s.ic;
  float* const windows = scratch.take(std::min(kSpreadPixels, s.ow()) * window);
  std::fill(d_src + band.first_row * s.iw * s.ic, d_src + band.end_row * s.iw * s.ic, 0.0F);
  constexpr std::int64_t kNoOffset = 0;
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

void ConvBackwardData::add_windows(const float* windows, std::int64_t oh, std::int64_t first,
                                   std::int64_t count, const PixelBand& band, float* d_src) const {
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

void ConvBackwardData::run(const float* d_dst, const float* packed_wei, float* d_src, const PixelBand& band,
                           std::int64_t first_ic, std::int64_t end_ic, Workspace scratch) const {
  if (spreads_) {
    spread(d_dst, packed_wei, d_src, band, scratch);
  } else {
    gather(d_dst, packed_wei, d_src, band, first_ic, end_ic);
  }
}

void ConvBackwardData::images(std::int64_t images, const float* d_dst, const float* packed_wei, float* d_src,
                              Workspace scratch) const {
  if (winograd_) return winograd_->images(images, d_dst, packed_wei, nullptr, kNoFloor, d_src, scratch);
  for (std::int64_t n = 0; n < images; ++n) {
    for (std::int64_t i = 0; i < bands_.pieces(); ++i) {
      run(d_dst + n * shape_.dst_size(), packed_wei, d_src + n * shape_.src_size(), bands_[i], 0, shape_.ic,
          scratch);
    }
  }
}

void ConvBackwardData::batch(Executor& executor, std::int64_t images, const float* d_dst,
                             const float* packed_wei, float* d_src, Workspace workspace) const {
  if (images == 0) return;
  if (winograd_) {
    return winograd_->batch(executor, images, d_dst, packed_wei, nullptr, kNoFloor, d_src, workspace);
  }
  const std::int64_t scratch = scratch_floats();
  float* const memory = workspace.take(executor.threads() * scratch);
  const std::int64_t panels = spreads_ ? 1 : ceil_div(shape_.ic, tile_.columns);
  const ConvTasks tasks(executor.threads(), images, bands_.pieces(), panels, shape_.multiply_adds());
  executor.parallel_for(tasks.count(), tasks.nanoseconds(), [&](std::int64_t i, int worker) {
    const ConvTasks::Task task = tasks[i];
    for (std::int64_t b = task.first_band; b < task.end_band; ++b) {
      const std::int64_t n = b / bands_.pieces();
      run(d_dst + n * shape_.dst_size(), packed_wei, d_src + n * shape_.src_size(),
          bands_[b % bands_.pieces()], task.first_panel * tile_.columns,
          std::min(shape_.ic, task.end_panel * tile_.columns),
          Workspace(memory + worker * scratch, scratch));
    }
  });
}

}  // namespace tilewise::simd
