#pragma once

#include <algorithm>
#include <cstdint>

#include "tilewise/core/workspace.hpp"
#include "tilewise/simd/conv_blocking.hpp"
#include "tilewise/simd/conv_shape.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {

/// Outputs along an axis.
struct OutputRange {
  std::int64_t first, end;
  std::int64_t count() const { return std::max<std::int64_t>(0, end - first); }
};

/// Of outputs [first, end) along an axis those that look at the image, `input` long, where o * stride + offset
/// is: not at its padding.
OutputRange outputs_inside(OutputRange outputs, std::int64_t stride, std::int64_t offset, std::int64_t input);

/// Of a band's columns those that filter column kw sees.
OutputRange columns_inside(const ConvShape& shape, const PixelBand& band, std::int64_t kw);

/// Pixels of src as the products of backward weights (conv_direct_weights.hpp) read them: where they are, or copied,
/// with their padding or without what a stride leaves out (conv_sampling.hpp), or transposed.
class WeightsPixels {
 public:
  /// Of `source`. `shape`: what is computed, of_samples() of it or the same joined.
  WeightsPixels(const KernelTable& kernels, const ConvShape& source, const ConvShape& shape, bool channels_first,
                const PixelBands& bands);

  /// Layouts of the pixels: channels first and with a stride, one for each filter column.
  std::int64_t layouts() const { return layouts_; }
  /// Floats from a row of the image to the next; of one channel, if channels first.
  std::int64_t row_floats() const { return row_; }
  /// Floats of one channel of so many images, if channels first: off a power of two.
  std::int64_t plane_floats(std::int64_t images) const;
  std::int64_t scratch_floats(std::int64_t images) const;  ///< of lay_out()

  /// Pixels, where in the image the first of them is, and from one image to the next.
  struct Source {
    const float* pixels;
    std::int64_t first_row, first_column, image_floats;
  };
  /// Of a band of `images` images, one after the other in memory; without padding if channels first, with it otherwise.
  Source lay_out(const float* src, std::int64_t images, const PixelBand& band, std::int64_t layout,
                 Workspace& scratch) const;

 private:
  Source copy(const float* src, std::int64_t images, const PixelBand& band, Source source, Workspace& scratch) const;
  Source transpose(const float* src, std::int64_t images, const PixelBand& band, std::int64_t layout, Source source,
                   Workspace& scratch) const;

  const KernelTable* kernels_;
  ConvShape source_, shape_;
  bool samples_;  ///< whether shape_ leaves out pixels of source_
  bool channels_first_;  ///< whether they are transposed: channels x pixels
  PixelBand largest_;   ///< as large as any band
  std::int64_t rows_;   ///< of the image that a band sees, at most
  std::int64_t row_, layouts_;
};

}  // namespace tilewise::simd
