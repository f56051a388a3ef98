#include "tilewise/simd/conv_weights_pixels.hpp"

#include "tilewise/simd/conv_padding.hpp"
#include "tilewise/simd/conv_sampling.hpp"

namespace tilewise::simd {

OutputRange outputs_inside(OutputRange outputs, std::int64_t stride, std::int64_t offset, std::int64_t input) {
  return {offset < 0 ? std::max(outputs.first, ceil_div(-offset, stride)) : outputs.first,
          offset < input ? std::min(outputs.end, (input - 1 - offset) / stride + 1) : outputs.first};
}

OutputRange columns_inside(const ConvShape& s, const PixelBand& band, std::int64_t kw) {
  return outputs_inside({band.first_column, band.end_column}, s.stride_w, kw * s.dilation_w - s.pad_left, s.iw);
}

WeightsPixels::WeightsPixels(const KernelTable& kernels, const ConvShape& source, const ConvShape& shape,
                             bool channels_first, const PixelBands& bands)
    : kernels_(&kernels),
      source_(source),
      shape_(shape),
      samples_(shape.src_size() < source.src_size()),
      channels_first_(channels_first),
      largest_(bands[0]),
      rows_(rows_seen(shape, largest_.rows())),
      row_(shape.stored_w() * shape.ic),
      layouts_(1) {
  if (!channels_first) return;
  layouts_ = shape.stride_w == 1 ? 1 : shape.kw;
  row_ = largest_.columns() + (layouts_ == 1 ? (shape.kw - 1) * shape.dilation_w : 0);
}

std::int64_t WeightsPixels::plane_floats(std::int64_t images) const { return round_up(images * rows_ * row_, 16) + 16; }

std::int64_t WeightsPixels::scratch_floats(std::int64_t images) const {
  if (channels_first_) return round_up_to_line(shape_.ic * plane_floats(images));
  if (samples_) return round_up_to_line(images * largest_.columns() * shape_.ic);
  return images * padded_rows_floats(shape_, largest_.rows());
}

WeightsPixels::Source WeightsPixels::lay_out(const float* src, std::int64_t images, const PixelBand& band,
                                             std::int64_t layout, Workspace& scratch) const {
  const ConvShape& s = shape_;
  const Source source{nullptr, band.first_row * s.stride_h - s.pad_top, band.first_column * s.stride_w - s.pad_left,
                      rows_ * row_};
  return channels_first_ ? transpose(src, images, band, layout, source, scratch)
                         : copy(src, images, band, source, scratch);
}

WeightsPixels::Source WeightsPixels::copy(const float* src, std::int64_t images, const PixelBand& band, Source source,
                                          Workspace& scratch) const {
  const ConvShape& s = shape_;
  if (samples_) {
    source.image_floats = band.columns() * s.ic;
    source.pixels = copy_samples(*kernels_, source_, src, images, band.first_column, band.end_column, scratch);
    return source;
  }
  source.pixels = padded_rows(s, src, band.first_row, band.rows(), scratch) + band.first_column * s.stride_w * s.ic;
  source.image_floats = s.padded() ? padded_rows_floats(s, band.rows()) : s.src_size();
  for (std::int64_t i = 1; i < images; ++i) {  // behind the first, for pieces of scratch are adjacent
    padded_rows(s, src + i * s.src_size(), band.first_row, band.rows(), scratch);
  }
  return source;
}

WeightsPixels::Source WeightsPixels::transpose(const float* src, std::int64_t images, const PixelBand& band,
                                               std::int64_t layout, Source source, Workspace& scratch) const {
  const ConvShape& s = shape_;
  const std::int64_t plane = plane_floats(images);
  float* const planes = scratch.take(s.ic * plane);
  source.pixels = planes;
  // `width` pixels of src, from here on a stride apart, to a place in each plane.
  const auto transpose_row = [&](const float* pixels, std::int64_t width, std::int64_t place) {
    kernels_->transpose(width, s.ic, pixels, source_.stride_w * s.ic, planes + place, plane, 0);
  };
  if (samples_) {
    for (std::int64_t i = 0; i < images; ++i) {
      for_each_sampled_row(source_, band.first_column, band.end_column,
                           [&](std::int64_t offset, std::int64_t pixel, std::int64_t pixels) {
                             transpose_row(src + i * source_.src_size() + offset, pixels,
                                           i * row_ + pixel - band.first_column);
                           });
    }
    return source;
  }
  const std::int64_t end_row = std::min(s.ih, source.first_row + rows_seen(s, band.rows()));
  std::int64_t width;
  if (layouts_ > 1) {
    const OutputRange columns = columns_inside(s, band, layout);
    source.first_column = columns.first * s.stride_w + layout * s.dilation_w - s.pad_left;
    width = columns.count();
  } else {
    const std::int64_t reach = band.columns() + (s.kw - 1) * s.dilation_w;
    const std::int64_t end_column = std::min(s.iw, source.first_column + reach);
    source.first_column = std::max<std::int64_t>(0, source.first_column);
    width = end_column - source.first_column;
  }
  source.first_row = std::max<std::int64_t>(0, source.first_row);
  for (std::int64_t i = 0; i < images && width > 0; ++i) {
    for (std::int64_t row = source.first_row; row < end_row; ++row) {
      transpose_row(src + i * s.src_size() + (row * s.iw + source.first_column) * s.ic, width,
                    (i * rows_ + row - source.first_row) * row_);
    }
  }
  return source;
}

}  // namespace tilewise::simd
