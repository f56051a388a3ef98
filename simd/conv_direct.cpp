#include "tilewise/simd/conv_direct.hpp"

#include <algorithm>
#include <iterator>

#include "tilewise/simd/conv_padding.hpp"

namespace tilewise::simd {
namespace {

/// Part of [first, end) in a run of outputs.
TapRun clip(const TapRun& run, std::int64_t first, std::int64_t end) {
  return {std::max(run.first, first), std::min(run.end, end), run.first_tap, run.end_tap};
}

std::int64_t longest(const std::vector<TapRun>& runs, std::int64_t most) {
  std::int64_t length = 1;
  for (const TapRun& run : runs) length = std::max(length, run.outputs());
  return std::min(length, most);
}

/// Edges make small tiles, which cost much where sums are short; pixels of few channels are soon copied. Two threads'
/// copies are to take no more than the operands of one image.
bool wants_padding(const ConvShape& s) {
  constexpr std::int64_t kFewChannels = 4;
  return s.padded() && s.ic <= kFewChannels &&
         2 * padded_rows_floats(s, padded_bands(s).rows.size(0)) <= s.src_size() + s.dst_size() + s.wei_size();
}

/// The convolution of an image that has its padding.
ConvShape with_padding(ConvShape s) {
  s.ih = s.stored_h();
  s.iw = s.stored_w();
  s.pad_top = s.pad_left = 0;
  s.pad_bottom = std::min<std::int64_t>(s.pad_bottom, 0);
  s.pad_right = std::min<std::int64_t>(s.pad_right, 0);
  return s;
}

/// Whether conv_short does it: every window lies inside, its filter rows are among those that the kernel knows, and no
/// vector of a panel is empty.
bool is_short(const KernelTable& kernels, const ConvShape& s) {
  const bool known = std::any_of(std::begin(kShortRuns), std::end(kShortRuns), [&](const ShortRun& run) {
    return run.terms == s.kw * s.ic && run.step == s.stride_w * s.ic;
  });
  return known && !s.padded() && s.dilation_w == 1 && ceil_div(s.oc, kernels.vector_floats) % kShortVectors == 0;
}

TileShape short_tile(const KernelTable& kernels) {
  return {.rows = kShortPixels, .vectors = kShortVectors, .columns = kShortVectors * kernels.vector_floats};
}

}  // namespace

ConvDirect::ConvDirect(const KernelTable& kernels, const ConvShape& shape)
    : kernels_(kernels_for_columns(kernels, shape.oc)),
      source_(shape.joined()),
      pads_(wants_padding(source_)),
      shape_(pads_ ? with_padding(source_) : source_),
      short_(is_short(kernels_, shape_)),
      bands_(pads_ ? padded_bands(source_) : forward_bands(source_)),
      max_group_(bands_.pieces() == 1 && !pads_ ? forward_group(shape_) : 1),
      rows_(row_tap_runs(shape_)) {
  const ConvShape& s = shape_;
  const std::vector<TapRun> columns = column_tap_runs(s);
  const std::int64_t width = std::max({longest(columns, bands_.columns.size(0)),
                                       longest(rows_, bands_.rows.size(0)), max_group_});
  tile_ = short_ ? short_tile(kernels_) : choose_conv_tile(kernels_, width, s.oc, s.kh * s.kw * s.ic);
  for (const TapRun& run : columns) columns_.push_back(make_columns(run));
}

ConvDirect::Columns ConvDirect::make_columns(const TapRun& run) const {
  const ConvShape& s = shape_;
  Columns columns;
  columns.run = run;
  // Adjacent taps of a filter row are adjacent in memory too; dilated ones are not.
  columns.k = s.dilation_w == 1 ? run.taps() * s.ic : s.ic;
  columns.runs = s.dilation_w == 1 ? std::min<std::int64_t>(1, run.taps()) : run.taps();
  for (std::int64_t kh = 0; kh < s.kh; ++kh) {
    for (std::int64_t i = 0; i < columns.runs; ++i) {
      columns.src_offsets.push_back((kh * s.dilation_h * s.iw + i * s.dilation_w) * s.ic);
      columns.wei_offsets.push_back((kh * s.kw + i) * s.ic * tile_.columns);
    }
  }
  return columns;
}

std::string ConvDirect::kernel() const { return (short_ ? "conv_short " : "tile ") + tile_.to_string(); }

std::int64_t ConvDirect::packed_floats() const {
  return simd::packed_floats(tile_, shape_.kh * shape_.kw * shape_.ic, shape_.oc);
}

std::int64_t ConvDirect::scratch_floats() const {
  return pads_ ? padded_rows_floats(source_, bands_.rows.size(0)) : 0;
}

void ConvDirect::pack(const float* wei, float* packed) const {
  pack_panels(kernels_, tile_, shape_.kh * shape_.kw * shape_.ic, shape_.oc, Transpose::no, wei,
              shape_.oc, packed);
}

// The next band follows in memory, and after an image's last the next image's first; a guess, where windows
// do not reach the end. Where strides leave out pixels it would be several times what is read.
Ahead ConvDirect::next_band(const float* src, std::int64_t images, const PixelBand& band,
                             std::int64_t tiles) const {
  const ConvShape& s = source_;
  if (s.stride_h > s.kh || s.stride_w > s.kw) return {};
  if (images > 1) return {src + images * s.src_size(), images * s.src_size(), tiles};
  if (bands_.columns.pieces > 1) {
    return {src + std::min(s.iw, band.end_column * s.stride_w) * s.ic,
            band.columns() * s.stride_w * s.ic, tiles};
  }
  const std::int64_t seen =
      (band.end_row - 1) * s.stride_h + (s.kh - 1) * s.dilation_h + 1 - s.pad_top;
  return {src + std::clamp<std::int64_t>(seen, 0, s.ih) * s.iw * s.ic,
          band.rows() * s.stride_h * s.iw * s.ic, tiles};
}

void ConvDirect::band(const Operands& operands, std::int64_t images, const PixelBand& band,
                       std::int64_t first_oc, std::int64_t end_oc, Workspace scratch) const {
  const ConvShape& s = shape_;
  // What the band reads from its first row on, or all of the image.
  const float* const pixels =
      pads_ ? padded_rows(source_, operands.src, band.first_row, band.rows(), scratch) : operands.src;
  if (short_) return short_band(operands, pixels, images, band, first_oc, end_oc);
  const std::int64_t top = pads_ ? band.first_row * s.stride_h : 0;
  const std::int64_t panels = ceil_div(end_oc - first_oc, tile_.columns);
  Ahead ahead = next_band(operands.src, images, band,
                          images * band.rows() * ceil_div(band.columns(), tile_.rows) * panels);
  TileArgs args{.a_k_stride = 1,
                .ldb = tile_.columns,
                .epilogue = Epilogue::bias,
                .floor = operands.floor};
  // Panels outside, pixels inside: a panel of filters stays in L1 while the band passes by.
  for (std::int64_t oc = first_oc; oc < end_oc; oc += tile_.columns) {
    const float* const panel = operands.packed_wei + oc * s.kh * s.kw * s.ic;
    args.bias = operands.bias + oc;
    args.columns = std::min(tile_.columns, s.oc - oc);
    for (const TapRun& all_rows : rows_) {
      const TapRun rows = clip(all_rows, band.first_row, band.end_row);
      if (rows.outputs() <= 0) continue;
      for (const Columns& pairs : columns_) {
        const TapRun columns = clip(pairs.run, band.first_column, band.end_column);
        if (columns.outputs() <= 0) continue;
        args.pairs = rows.taps() * pairs.runs;
        args.k = pairs.k;
        args.a_offsets = pairs.src_offsets.data();
        args.b_offsets = pairs.wei_offsets.data();
        args.b = panel + (rows.first_tap * s.kw + columns.first_tap) * s.ic * tile_.columns;
        const std::int64_t row = rows.first * s.stride_h - s.pad_top + rows.first_tap * s.dilation_h - top;
        const std::int64_t column =
            columns.first * s.stride_w - s.pad_left + columns.first_tap * s.dilation_w;
        const float* const src =
            args.pairs == 0 ? pixels : pixels + (row * s.iw + column) * s.ic;
        float* const dst = operands.dst + (rows.first * s.ow() + columns.first) * s.oc + oc;
        multiply_block(kernels_, tile_.rows,
                       {{{columns.outputs(), s.stride_w * s.ic, s.oc},
                         {rows.outputs(), s.stride_h * s.iw * s.ic, s.ow() * s.oc},
                         {images, s.src_size(), s.dst_size()}}},
                       src, dst, args, ahead);
      }
    }
  }
}

void ConvDirect::short_band(const Operands& operands, const float* src, std::int64_t images, const PixelBand& band,
                            std::int64_t first_oc, std::int64_t end_oc) const {
  const ConvShape& s = shape_;
  ConvShortArgs args{.run = {static_cast<int>(s.kw * s.ic), static_cast<int>(s.stride_w * s.ic)},
                     .filter_rows = s.kh,
                     .filter_row_step = s.dilation_h * s.iw * s.ic,
                     .rows = band.rows(),
                     .src_row_step = s.stride_h * s.iw * s.ic,
                     .dst_row_step = s.ow() * s.oc,
                     .pixels = band.columns(),
                     .dst_step = s.oc,
                     .floor = operands.floor};
  // With padding the band's own rows, without the image.
  const std::int64_t top = pads_ ? 0 : band.first_row * s.stride_h;
  const std::int64_t at = (top * s.iw + band.first_column * s.stride_w) * s.ic;
  for (std::int64_t image = 0; image < images; ++image) {
    args.src = src + image * s.src_size() + at;
    float* const dst = operands.dst + image * s.dst_size() + (band.first_row * s.ow() + band.first_column) * s.oc;
    for (std::int64_t oc = first_oc; oc < end_oc; oc += tile_.columns) {
      args.wei = operands.packed_wei + oc * s.kh * s.kw * s.ic;
      args.channels = std::min(tile_.columns, s.oc - oc);
      args.bias = operands.bias + oc;
      args.dst = dst + oc;
      kernels_.conv_short(args);
    }
  }
}

EvenSplit ConvDirect::groups(std::int64_t images) const { return {images, max_group_}; }

void ConvDirect::images(std::int64_t images, const float* src, const float* packed_wei, const float* bias,
                        float floor, float* dst, Workspace scratch) const {
  const EvenSplit split = groups(images);
  for (std::int64_t i = 0; i < split.pieces && images > 0; ++i) {
    const Operands operands{src + split.begin(i) * source_.src_size(), packed_wei, bias, floor,
                            dst + split.begin(i) * shape_.dst_size()};
    for (std::int64_t b = 0; b < bands_.pieces(); ++b) {
      band(operands, split.size(i), bands_[b], 0, shape_.oc, scratch);
    }
  }
}

void ConvDirect::batch(Executor& executor, std::int64_t images, const float* src, const float* packed_wei,
                       const float* bias, float floor, float* dst, Workspace workspace) const {
  if (images == 0) return;
  const EvenSplit split = groups(images);
  const ConvTasks tasks(executor.threads(), split.pieces, bands_.pieces(),
                        ceil_div(shape_.oc, tile_.columns),
                        shape_.multiply_adds() * static_cast<double>(images) /
                            static_cast<double>(split.pieces));
  const std::int64_t scratch = scratch_floats();
  float* const memory = workspace.take(executor.threads() * scratch);
  executor.parallel_for(tasks.count(), tasks.nanoseconds(), [&](std::int64_t i, int worker) {
    const ConvTasks::Task task = tasks[i];
    for (std::int64_t b = task.first_band; b < task.end_band; ++b) {
      const std::int64_t group = b / bands_.pieces();
      band({src + split.begin(group) * source_.src_size(), packed_wei, bias, floor,
            dst + split.begin(group) * shape_.dst_size()},
           split.size(group), bands_[b % bands_.pieces()], task.first_panel * tile_.columns,
           std::min(shape_.oc, task.end_panel * tile_.columns), Workspace(memory + worker * scratch, scratch));
    }
  });
}

}  // namespace tilewise::simd
