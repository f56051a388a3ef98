#include "tilewise/simd/conv_forward.hpp"

#include <algorithm>

#include "tilewise/simd/conv_padding.hpp"

namespace tilewise::simd {

ConvForward::ConvForward(const KernelTable& kernels, const ConvShape& shape)
    : kernels_(kernels), shape_(shape.joined()), bands_(forward_bands(shape_)) {
  const ConvShape& s = shape_;
  tile_ = choose_tile(kernels, bands_.columns.size(0), s.oc, s.kh * s.kw * s.ic);
  // Adjacent taps of a filter row are adjacent in memory too; dilated ones are not.
  const std::int64_t runs_per_row = s.dilation_w == 1 ? 1 : s.kw;
  k_ = s.kw / runs_per_row * s.ic;
  for (std::int64_t kh = 0; kh < s.kh; ++kh) {
    for (std::int64_t run = 0; run < runs_per_row; ++run) {
      src_offsets_.push_back((kh * s.dilation_h * s.stored_w() + run * s.dilation_w) * s.ic);
      wei_offsets_.push_back((kh * runs_per_row + run) * k_ * tile_.columns);
    }
  }
}

std::int64_t ConvForward::packed_floats() const {
  return simd::packed_floats(tile_, shape_.kh * shape_.kw * shape_.ic, shape_.oc);
}

std::int64_t ConvForward::scratch_floats() const {
  return padded_rows_floats(shape_, bands_.rows.size(0));
}

void ConvForward::pack(const float* wei, float* packed) const {
  pack_panels(kernels_, tile_, shape_.kh * shape_.kw * shape_.ic, shape_.oc, Transpose::no, wei,
              shape_.oc, packed);
}

// The next band follows in memory, and after an image's last the next image's first; a guess, where windows
// do not reach the end.
Ahead ConvForward::next_band(const float* src, const PixelBand& band, std::int64_t tiles) const {
  const ConvShape& s = shape_;
  if (bands_.columns.pieces > 1) {
    return {src + std::min(s.iw, band.end_column * s.stride_w) * s.ic,
            band.columns() * s.stride_w * s.ic, tiles};
  }
  const std::int64_t seen =
      (band.end_row - 1) * s.stride_h + (s.kh - 1) * s.dilation_h + 1 - s.pad_top;
  return {src + std::clamp<std::int64_t>(seen, 0, s.ih) * s.iw * s.ic,
          band.rows() * s.stride_h * s.iw * s.ic, tiles};
}

void ConvForward::band(const Operands& image, const PixelBand& band, std::int64_t first_oc,
                       std::int64_t end_oc, Workspace scratch) const {
  const ConvShape& s = shape_;
  const float* const src = padded_rows(s, image.src, band.first_row, band.rows(), scratch) +
                           band.first_column * s.stride_w * s.ic;
  float* const dst = image.dst + (band.first_row * s.ow() + band.first_column) * s.oc;
  const std::int64_t taps = s.kh * s.kw * s.ic;
  const EvenSplit tiles(band.columns(), tile_.rows);
  TileArgs args{.a_offsets = src_offsets_.data(),
                .b_offsets = wei_offsets_.data(),
                .pairs = static_cast<std::int64_t>(src_offsets_.size()),
                .k = k_,
                .a_row_stride = s.stride_w * s.ic,
                .a_k_stride = 1,
                .ldb = tile_.columns,
                .ldc = s.oc,
                .epilogue = Epilogue::bias,
                .floor = image.floor};
  Ahead ahead = next_band(image.src, band, band.rows() * tiles.pieces *
                                               ceil_div(end_oc - first_oc, tile_.columns));
  // Panels outside, rows inside: a panel of filters stays in L1 while the band passes by.
  for (std::int64_t oc = first_oc; oc < end_oc; oc += tile_.columns) {
    args.b = image.packed_wei + oc * taps;
    args.bias = image.bias + oc;
    args.columns = std::min(tile_.columns, s.oc - oc);
    for (std::int64_t row = 0; row < band.rows(); ++row) {
      args.a = src + row * s.stride_h * s.stored_w() * s.ic;
      args.c = dst + row * s.ow() * s.oc + oc;
      multiply_panel(kernels_, tiles, args, ahead);
    }
  }
}

void ConvForward::image(const float* src, const float* packed_wei, const float* bias, float floor,
                        float* dst, Workspace scratch) const {
  for (std::int64_t i = 0; i < bands_.pieces(); ++i) {
    band({src, packed_wei, bias, floor, dst}, bands_[i], 0, shape_.oc, scratch);
  }
}

void ConvForward::batch(Executor& executor, std::int64_t images, const float* src,
                        const float* packed_wei, const float* bias, float floor, float* dst,
                        Workspace workspace) const {
  if (images == 0) return;
  const std::int64_t scratch = scratch_floats();
  float* const memory = workspace.take(executor.threads() * scratch);
  const ConvTasks tasks(executor.threads(), images, bands_.pieces(), ceil_div(shape_.oc, tile_.columns),
                        shape_.multiply_adds());
  executor.parallel_for(tasks.count(), tasks.nanoseconds(), [&](std::int64_t i, int worker) {
    const ConvTasks::Task task = tasks[i];
    for (std::int64_t b = task.first_band; b < task.end_band; ++b) {
      const std::int64_t n = b / bands_.pieces();
      band({src + n * shape_.src_size(), packed_wei, bias, floor, dst + n * shape_.dst_size()},
           bands_[b % bands_.pieces()], task.first_panel * tile_.columns,
           std::min(shape_.oc, task.end_panel * tile_.columns),
           Workspace(memory + worker * scratch, scratch));
    }
  });
}

}  // namespace tilewise::simd
