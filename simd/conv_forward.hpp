#pragma once

#include <cstdint>
#include <vector>

#include "tilewise/core/parallel.hpp"
#include "tilewise/core/workspace.hpp"
#include "tilewise/simd/conv_blocking.hpp"
#include "tilewise/simd/conv_shape.hpp"
#include "tilewise/simd/kernel_table.hpp"
#include "tilewise/simd/panels.hpp"

namespace tilewise::simd {

/// Forward convolution (conv_shape.hpp), prepared for one shape. Immutable: any number of threads may
/// run images through it at once.
///
/// Every row of output pixels is a product: (ow x K) pixels times (K x oc) filters, where an NHWC
/// image and an HWIO filter make the (kw, ic) of each filter row one contiguous run of K.
class ConvForward {
 public:
  /// Throws ShapeError when `shape` is not a convolution.
  ConvForward(const KernelTable& kernels, const ConvShape& shape);

  const TileShape& tile() const { return tile_; }
  std::int64_t packed_floats() const;   ///< of the packed filters
  std::int64_t scratch_floats() const;  ///< of each thread's workspace

  /// Packs the filters (kh, kw, ic, oc) as image() and batch() want them.
  void pack(const float* wei, float* packed) const;

  /// dst = max(floor, convolution + bias) for one image. A floor of 0 is ReLU, of -infinity nothing.
  void image(const float* src, const float* packed_wei, const float* bias, float floor, float* dst,
             Workspace scratch) const;

  /// The same for `images` of them, one after the other in memory, perhaps none, on all threads; the
  /// workspace holds scratch_floats() for each thread.
  void batch(Executor& executor, std::int64_t images, const float* src, const float* packed_wei,
             const float* bias, float floor, float* dst, Workspace workspace) const;

 private:
  struct Operands {
    const float *src, *packed_wei, *bias;
    float floor;
    float* dst;
  };
  /// One band of output pixels of one image, channels [first_oc, end_oc).
  void band(const Operands& image, const PixelBand& band, std::int64_t first_oc, std::int64_t end_oc,
            Workspace scratch) const;
  /// What the band after this one reads of src, fetched within so many tiles.
  Ahead next_band(const float* src, const PixelBand& band, std::int64_t tiles) const;

  const KernelTable& kernels_;
  ConvShape shape_;
  TileShape tile_;
  PixelBands bands_;
  std::int64_t k_;  ///< length of each contiguous run of the sum
  std::vector<std::int64_t> src_offsets_, wei_offsets_;
};

}  // namespace tilewise::simd
