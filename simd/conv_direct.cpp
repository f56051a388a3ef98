#include "tilewise/simd/conv_direct.hpp"

#include <algorithm>

#include "tilewise/simd/conv_padding.hpp"
#include "tilewise/simd/conv_sampling.hpp"

namespace tilewise::simd {
namespace {

/// What lies in [first, end) of a run of outputs.
TapRun clip(const TapAxis& axis, const TapRun& run, std::int64_t first, std::int64_t end) {
  const auto before = [&](std::int64_t output) {
    return std::clamp<std::int64_t>(ceil_div(output - run.first, axis.output_step), 0, run.outputs);
  };
  const std::int64_t skipped = before(first);
  return {run.first + skipped * axis.output_step, before(end) - skipped, run.first_tap, run.taps,
          run.first_input + skipped * axis.input_step};
}

std::int64_t longest(const TapAxis& axis, std::int64_t most) {
  const std::int64_t outputs = std::ranges::max_element(axis.runs, {}, &TapRun::outputs)->outputs;
  return std::min(outputs, ceil_div(most, axis.output_step));
}

/// Edges make small tiles, which cost much where sums are short; pixels of few channels are soon copied. Two threads'
/// copies are to take no more than the operands of one image, which padded_bands() sees to if it can.
bool wants_padding(const ConvShape& s) {
  constexpr std::int64_t kFewChannels = 6;
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

/// Floats that a band of a group of images sees, copied side by side.
std::int64_t sampled_floats(const ConvShape& s) {
  return round_up_to_line(forward_group(s) * forward_bands(s).columns.size(0) * s.ic);
}

/// Whether bands are copied that have rows of few pixels, for which tiles are low; and find room in L2, those of two
/// threads in what the operands of one image take.
bool wants_short_rows_copied(const KernelTable& kernels, const ConvShape& s) {
  constexpr std::int64_t kFewPixels = 28, kMostFloats = 128 * 1024;
  if (s.ow() >= kFewPixels || !wants_samples(kernels, s)) return false;
  const std::int64_t floats = sampled_floats(of_samples(s));
  return floats <= kMostFloats && 2 * floats <= s.src_size() + s.dst_size() + s.wei_size();
}

/// Whether conv_short does it: every window lies inside, its filter rows are among those that the kernel knows, and no
/// vector of a panel is empty.
bool is_short(const KernelTable& kernels, const ConvShape& s) {
  const bool known = std::ranges::any_of(kShortRuns, [&](const ShortRun& run) {
    return run.terms == s.kw * s.ic && run.step == s.stride_w * s.ic;
  });
  return known && !s.padded() && s.dilation_w == 1 && vectors_of(kernels, s.oc) % kShortVectors == 0;
}

TileShape short_tile(const KernelTable& kernels) {
  return {.rows = kShortPixels, .vectors = kShortVectors, .columns = kShortVectors * kernels.vector_floats};
}

}  // namespace

ConvDirect::ConvDirect(const KernelTable& kernels, const ConvShape& shape, ConvPass pass)
    : pass_(pass), source_(shape.joined()), shape_(source_) {
  if (pass == ConvPass::forward) {
    plan_forward(kernels);
  } else {
    plan_backward_data(kernels);
  }
  const std::int64_t width = std::max({longest(columns_, bands_.columns.size(0)),
                                       longest(rows_, bands_.rows.size(0)), max_group_});
  tile_ = short_ ? short_tile(*kernels_)
                 : choose_conv_tile(*kernels_, width, out_.channels,
                                    rows_.most_taps() * columns_.most_taps() * in_.channels);
  for (const TapRun& run : columns_.runs) column_runs_.push_back(make_columns(run));
  clears_columns_ = pass == ConvPass::backward_data && clears_unseen_columns(columns_, tile_);
}

void ConvDirect::plan_forward(const KernelTable& kernels) {
  pads_ = wants_padding(source_);
  samples_ = wants_short_rows_copied(kernels, source_);
  if (pads_) shape_ = with_padding(source_);
  if (samples_) shape_ = of_samples(source_);
  const KernelTable& short_kernels = kernels_for_columns(kernels, shape_.oc, kShortVectors);
  short_ = !samples_ && is_short(short_kernels, shape_);
  kernels_ = short_ ? &short_kernels : &kernels_for_columns(kernels, shape_.oc);
  in_ = {source_.ih, source_.iw, source_.ic};
  out_ = {shape_.oh(), shape_.ow(), shape_.oc};
  width_ = shape_.iw;
  rows_ = forward_rows(shape_);
  columns_ = forward_columns(shape_);
  bands_ = pads_ ? padded_bands(source_) : forward_bands(shape_);
  max_group_ = pads_ || bands_.pieces() > 1 ? 1 : forward_group(shape_);
}

void ConvDirect::plan_backward_data(const KernelTable& kernels) {
  kernels_ = &kernels_for_columns(kernels, shape_.ic);
  in_ = {shape_.oh(), shape_.ow(), shape_.oc};
  out_ = {shape_.ih, shape_.iw, shape_.ic};
  width_ = in_.w;
  rows_ = backward_data_rows(shape_);
  columns_ = backward_data_columns(shape_);
  bands_ = backward_data_bands(shape_);
  max_group_ = bands_.pieces() > 1 ? 1 : backward_data_group(shape_);
}

ConvDirect::Columns ConvDirect::make_columns(const TapRun& run) const {
  Columns columns;
  columns.run = run;
  // Adjacent taps of a filter row are adjacent in memory too; dilated ones are not.
  const bool adjacent = columns_.tap_step == 1;
  columns.k = adjacent ? run.taps * in_.channels : in_.channels;
  columns.runs = adjacent ? std::min<std::int64_t>(1, run.taps) : run.taps;
  for (std::int64_t row = 0; row < rows_.most_taps(); ++row) {
    for (std::int64_t i = 0; i < columns.runs; ++i) {
      columns.src_offsets.push_back((row * rows_.tap_step * width_ + i * columns_.tap_step) * in_.channels);
      columns.wei_offsets.push_back((row * shape_.kw + i) * in_.channels * tile_.columns);
    }
  }
  return columns;
}

std::string ConvDirect::kernel() const { return (short_ ? "conv_short " : "tile ") + tile_.to_string(); }

std::int64_t ConvDirect::packed_floats() const {
  return simd::packed_floats(tile_, shape_.kh * shape_.kw * in_.channels, out_.channels);
}

std::int64_t ConvDirect::scratch_floats() const {
  if (samples_) return sampled_floats(shape_);
  return pads_ ? padded_rows_floats(source_, bands_.rows.size(0)) : 0;
}

// packed(panel, kh, kw, ic, j) = wei(kh, kw, ic, panel * tile.columns + j), or for backward data, of the taps in the
// order of their axes, packed(panel, kh, kw, oc, j) = wei(kh, kw, panel * tile.columns + j, oc)
void ConvDirect::pack(const float* wei, float* packed) const {
  const ConvShape& s = shape_;
  if (pass_ == ConvPass::forward) {
    return pack_panels(*kernels_, tile_, s.kh * s.kw * s.ic, s.oc, Transpose::no, wei, s.oc, packed);
  }
  for (std::int64_t ic = 0; ic < s.ic; ic += tile_.columns) {
    const std::int64_t columns = std::min(tile_.columns, s.ic - ic);
    for (const std::int64_t kh : rows_.taps) {
      for (const std::int64_t kw : columns_.taps) {
        pack_panels(*kernels_, tile_, s.oc, columns, Transpose::yes, wei + ((kh * s.kw + kw) * s.ic + ic) * s.oc,
                    s.oc, packed);
        packed += s.oc * tile_.columns;
      }
    }
  }
}

// The next band follows in memory, and after an image's last the next image's first; a guess, where windows
// do not reach the end. Where pixels are left out it would be several times what is read.
Ahead ConvDirect::next_band(const float* src, std::int64_t images, const PixelBand& band,
                            std::int64_t tiles) const {
  const bool leaves_out = samples_ || source_.stride_h > source_.kh || source_.stride_w > source_.kw;
  if (pass_ == ConvPass::forward && leaves_out) return {};
  if (images > 1) return {src + images * in_.size(), images * in_.size(), tiles};
  const auto seen = [](const TapAxis& axis, std::int64_t outputs) {
    return outputs * axis.input_step / axis.output_step;
  };
  if (bands_.columns.pieces > 1) {
    return {src + std::min(in_.w, seen(columns_, band.end_column)) * in_.channels,
            seen(columns_, band.columns()) * in_.channels, tiles};
  }
  const std::int64_t above = pads_ ? source_.pad_top : 0;
  const std::int64_t end = seen(rows_, band.end_row - 1) + rows_.reach - above;
  return {src + std::clamp<std::int64_t>(end, 0, in_.h) * in_.w * in_.channels,
          seen(rows_, band.rows()) * in_.w * in_.channels, tiles};
}

void ConvDirect::clear_unseen(float* dst, const PixelBand& band, std::int64_t first_channel,
                              std::int64_t end_channel) const {
  for (const TapRun& run : rows_.runs) {
    if (run.taps > 0 && !clears_columns_) continue;
    const TapRun rows = clip(rows_, run, band.first_row, band.end_row);
    for (std::int64_t i = 0; i < rows.outputs; ++i) {
      float* const row = dst + (rows.first + i * rows_.output_step) * out_.w * out_.channels;
      if (end_channel - first_channel == out_.channels) {
        std::fill(row + band.first_column * out_.channels, row + band.end_column * out_.channels, 0.0F);
        continue;
      }
      for (std::int64_t j = band.first_column; j < band.end_column; ++j) {
        std::fill(row + j * out_.channels + first_channel, row + j * out_.channels + end_channel, 0.0F);
      }
    }
  }
}

const float* ConvDirect::read_by(const float* src, std::int64_t images, const PixelBand& band,
                                 Workspace& scratch) const {
  if (samples_) return copy_samples(*kernels_, source_, src, images, band.first_column, band.end_column, scratch);
  return pads_ ? padded_rows(source_, src, band.first_row, band.rows(), scratch) : src;
}

void ConvDirect::band(const Operands& operands, std::int64_t images, const PixelBand& band,
                      std::int64_t first_channel, std::int64_t end_channel, Workspace scratch) const {
  // What the band reads from its first row or pixel on, or all of the image.
  const float* const pixels = read_by(operands.src, images, band, scratch);
  if (short_) return short_band(operands, pixels, images, band, first_channel, end_channel);
  const std::int64_t top = pads_ ? band.first_row * shape_.stride_h : 0, left = samples_ ? band.first_column : 0;
  const std::int64_t in_image = samples_ ? band.columns() * in_.channels : in_.size();
  const std::int64_t panels = ceil_div(end_channel - first_channel, tile_.columns);
  Ahead ahead = next_band(operands.src, images, band,
                          images * band.rows() * ceil_div(band.columns(), tile_.rows) * panels);
  const bool forward = pass_ == ConvPass::forward;
  for (std::int64_t n = 0; !forward && n < images; ++n) {
    clear_unseen(operands.dst + n * out_.size(), band, first_channel, end_channel);
  }
  TileArgs args{.a_k_stride = 1,
                .ldb = tile_.columns,
                .epilogue = forward ? Epilogue::bias : Epilogue::store,
                .floor = operands.floor};
  // Panels outside, pixels inside: a panel of filters stays in L1 while the band passes by.
  for (std::int64_t channel = first_channel; channel < end_channel; channel += tile_.columns) {
    const float* const panel = operands.packed_wei + channel * shape_.kh * shape_.kw * in_.channels;
    if (forward) args.bias = operands.bias + channel;
    args.columns = std::min(tile_.columns, out_.channels - channel);
    for (const TapRun& all_rows : rows_.runs) {
      const TapRun rows = clip(rows_, all_rows, band.first_row, band.end_row);
      if (rows.outputs <= 0 || (!forward && rows.taps == 0)) continue;
      for (const Columns& pairs : column_runs_) {
        const TapRun columns = clip(columns_, pairs.run, band.first_column, band.end_column);
        if (columns.outputs <= 0 || (clears_columns_ && columns.taps == 0)) continue;
        args.pairs = rows.taps * pairs.runs;
        args.k = pairs.k;
        args.a_offsets = pairs.src_offsets.data();
        args.b_offsets = pairs.wei_offsets.data();
        args.b = panel + (rows.first_tap * shape_.kw + columns.first_tap) * in_.channels * tile_.columns;
        const float* const src =
            args.pairs == 0
                ? pixels
                : pixels + ((rows.first_input - top) * width_ + columns.first_input - left) * in_.channels;
        float* const dst = operands.dst + (rows.first * out_.w + columns.first) * out_.channels + channel;
        const std::int64_t in_row = width_ * in_.channels, out_row = out_.w * out_.channels;
        multiply_block(
            *kernels_, tile_.rows,
            {{{columns.outputs, columns_.input_step * in_.channels, columns_.output_step * out_.channels},
              {rows.outputs, rows_.input_step * in_row, rows_.output_step * out_row},
              {images, in_image, out_.size()}}},
            src, dst, args, ahead);
      }
    }
  }
}

void ConvDirect::short_band(const Operands& operands, const float* src, std::int64_t images, const PixelBand& band,
                            std::int64_t first_channel, std::int64_t end_channel) const {
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
    for (std::int64_t oc = first_channel; oc < end_channel; oc += tile_.columns) {
      args.wei = operands.packed_wei + oc * s.kh * s.kw * s.ic;
      args.channels = std::min(tile_.columns, s.oc - oc);
      args.bias = operands.bias + oc;
      args.dst = dst + oc;
      kernels_->conv_short(args);
    }
  }
}

EvenSplit ConvDirect::groups(std::int64_t images) const { return {images, max_group_}; }

void ConvDirect::images(std::int64_t images, const float* src, const float* packed_wei, const float* bias,
                        float floor, float* dst, Workspace scratch) const {
  const EvenSplit split = groups(images);
  for (std::int64_t i = 0; i < split.pieces && images > 0; ++i) {
    const Operands operands{src + split.begin(i) * in_.size(), packed_wei, bias, floor,
                            dst + split.begin(i) * out_.size()};
    for (std::int64_t b = 0; b < bands_.pieces(); ++b) {
      band(operands, split.size(i), bands_[b], 0, out_.channels, scratch);
    }
  }
}

PixelBands ConvDirect::shared_bands(int threads, std::int64_t groups, std::int64_t panels) const {
  constexpr std::int64_t kMany = 4;
  PixelBands bands = bands_;
  const std::int64_t pieces = groups * bands.pieces() * panels, wanted = kMany * threads;
  if (bands.columns.pieces > 1 || pieces % threads == 0 || pieces >= wanted) return bands;
  const std::int64_t rows =
      pieces < threads ? ceil_div(out_.h, threads)
                       : std::max(ceil_div(out_.h * groups * panels, wanted), ceil_div(kLeastBandPixels, out_.w));
  bands.rows = EvenSplit(out_.h, std::min(bands.rows.size(0), rows));
  return bands;
}

void ConvDirect::batch(Executor& executor, std::int64_t images, const float* src, const float* packed_wei,
                       const float* bias, float floor, float* dst, Workspace workspace) const {
  if (images == 0) return;
  const EvenSplit split = groups(images);
  // Tasks of one band would each copy its padding: they are whole bands, if rows suffice.
  const bool whole_bands = pads_ && split.pieces * out_.h >= executor.threads();
  const std::int64_t columns = whole_bands ? out_.channels : tile_.columns;
  const std::int64_t panels = ceil_div(out_.channels, columns);
  const PixelBands bands = shared_bands(executor.threads(), split.pieces, panels);
  const ConvTasks tasks(executor.threads(), split.pieces, bands.pieces(), panels,
                        shape_.multiply_adds() * static_cast<double>(images) /
                            static_cast<double>(split.pieces),
                        samples_ ? BandTasks::prepare : BandTasks::multiply);
  const std::int64_t scratch = scratch_floats();
  float* const memory = workspace.take(executor.threads() * scratch);
  executor.parallel_for(tasks.count(), tasks.nanoseconds(), [&](std::int64_t i, int worker) {
    const ConvTasks::Task task = tasks[i];
    for (std::int64_t b = task.first_band; b < task.end_band; ++b) {
      const std::int64_t group = b / bands.pieces();
      band({src + split.begin(group) * in_.size(), packed_wei, bias, floor,
            dst + split.begin(group) * out_.size()},
           split.size(group), bands[b % bands.pieces()], task.first_panel * columns,
           std::min(out_.channels, task.end_panel * columns), Workspace(memory + worker * scratch, scratch));
    }
  });
}

}  // namespace tilewise::simd
