#pragma once

#include <cstdint>
#include <string>

#include "tilewise/core/parallel.hpp"
#include "tilewise/core/workspace.hpp"
#include "tilewise/simd/conv_blocking.hpp"
#include "tilewise/simd/conv_shape.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {

/// Gradient of a convolution with respect to its source (conv_backward_data.hpp) for few channels, prepared for one
/// shape; immutable. A product (pixels of d_dst x oc) times (oc x (kh, kw, ic)) gives what each pixel of d_dst adds to
/// its window, where it is added to d_src: all taps of a window fill vectors together, however few channels there are.
/// What lies outside the image is computed, and not added.
class ConvSpread {
 public:
  /// Whether it is possible and faster than ConvDirect: of more than one tap, not dilated along a row, where channels
  /// do not fill a vector of up to eight lanes, or more than half of sixteen.
  static bool pays(const KernelTable& kernels, const ConvShape& shape);

  /// Throws ShapeError when `shape` is not a convolution, ArgumentError where its taps are dilated along a row.
  ConvSpread(const KernelTable& kernels, const ConvShape& shape);

  std::string kernel() const { return "tile " + tile_.to_string() + " spread"; }
  std::int64_t packed_floats() const;   ///< of the packed, transposed filters
  std::int64_t scratch_floats() const;  ///< of each thread's workspace
  double multiply_adds() const { return shape_.multiply_adds(); }  ///< of an image, those of padding counted

  /// Packs the filters (kh, kw, ic, oc), transposed, as images() and batch() want them.
  void pack(const float* wei, float* packed) const;

  /// d_src of `images` images, one after the other in memory, perhaps none; overwritten.
  void images(std::int64_t images, const float* d_dst, const float* packed_wei, float* d_src,
              Workspace scratch) const;
  /// The same on all threads; the workspace holds scratch_floats() for each.
  void batch(Executor& executor, std::int64_t images, const float* d_dst, const float* packed_wei, float* d_src,
             Workspace workspace) const;

 private:
  std::int64_t window_floats() const { return shape_.kh * shape_.kw * shape_.ic; }
  /// One band of rows of d_src of one image.
  void band(const float* d_dst, const float* packed_wei, float* d_src, const PixelBand& band, Workspace scratch) const;
  /// Adds the windows of output pixels [first, first + count) of row oh to the rows of the band.
  void add_windows(const float* windows, std::int64_t oh, std::int64_t first, std::int64_t count,
                   const PixelBand& band, float* d_src) const;

  ConvShape shape_;
  const KernelTable& kernels_;
  PixelBands bands_;
  TileShape tile_;
};

}  // namespace tilewise::simd
