#pragma once

#include <cstdint>
#include <string>

#include "tilewise/core/parallel.hpp"
#include "tilewise/core/workspace.hpp"
#include "tilewise/simd/conv_blocking.hpp"
#include "tilewise/simd/conv_shape.hpp"
#include "tilewise/simd/conv_weights_pixels.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {

/// Gradient of a convolution with respect to its filters (conv_backward_weights.hpp) as its definition has it, prepared
/// for one shape; immutable.
///
/// Each filter tap, or filter row, is a product (channels x pixels) times (pixels x oc). Padding is left out where
/// pixels are transposed, else copied, as zeros, which an infinite d_dst makes NaN. Filter rows of few terms, kw * ic,
/// are several to a product, which has a kernel of its own (conv_short_weights in kernel_table.hpp). The sum over
/// pixels is cut into segments: bands of one image, or, in batch() alone, a few small images.
class ConvDirectWeights {
 public:
  /// Whether conv_short_weights does it.
  static bool is_short(const ConvShape& shape);

  /// Throws ShapeError when `shape` is not a convolution.
  ConvDirectWeights(const KernelTable& kernels, const ConvShape& shape);

  std::string kernel() const;           ///< in a few words: "tile 6x2", "conv_short_weights"
  std::int64_t scratch_floats() const;  ///< of images()'s workspace
  double multiply_adds() const { return shape_.multiply_adds(); }  ///< of an image, those of padding counted

  /// Adds the gradient of `images` images, one after the other in memory, perhaps none, to d_wei (kh, kw, ic, oc).
  void images(std::int64_t images, const float* src, const float* d_dst, float* d_wei, Workspace scratch) const;

  /// Floats of workspace that batch() takes for exactly so many images: fewer may take more, for they
  /// are grouped otherwise.
  std::int64_t workspace_floats(std::int64_t images, int threads) const;

  /// d_wei of `images` images, one after the other in memory, perhaps none; overwritten. On all threads:
  /// a number of partial sums that the shape and `images` fix, added up in order.
  void batch(Executor& executor, std::int64_t images, const float* src, const float* d_dst,
             float* d_wei, Workspace workspace) const;

 private:
  /// Bands of one image, or whole images, that are summed in one go.
  struct Segment {
    std::int64_t first_image, images, band;
    bool packs;  ///< d_dst into panels; or it is used in place
  };
  /// How batch() cuts `images` images: by the shape and their number alone.
  struct Cut {
    std::int64_t images;
    std::int64_t group;     ///< images of a segment
    std::int64_t segments;
    std::int64_t slots;     ///< partial sums
  };
  Cut cut(std::int64_t images) const;
  Segment segment(const Cut& cut, std::int64_t i) const;

  /// Of a thread that sums over segments of so many images.
  std::int64_t group_scratch_floats(std::int64_t group) const;

  /// d_wei(.., first_oc to end_oc) (epilogue) the segment's gradient.
  void accumulate(const float* src, const float* d_dst, const Segment& segment, std::int64_t first_oc,
                  std::int64_t end_oc, Epilogue epilogue, float* d_wei, Workspace scratch) const;
  /// The same by conv_short_weights.
  void accumulate_short(const float* src, const float* d_dst, const Segment& segment, std::int64_t first_oc,
                        std::int64_t end_oc, Epilogue epilogue, float* d_wei, Workspace scratch) const;
  /// Whether the d_dst of a segment is packed that so many images follow. It has to be where vectors would reach past
  /// the end of the last one's.
  bool packs(std::int64_t images_behind) const;
  /// Whether any is. All segments are cut, and memory is booked, for that.
  bool may_pack() const { return packs(0); }
  DDstUse d_dst_use() const;
  /// Floats of an image's packed d_dst.
  std::int64_t image_panels_floats() const;

  /// The rows of pixels and of d_dst that filter row kh multiplies, as offsets; returns how many.
  std::int64_t list_pairs(const Segment& segment, std::int64_t kh, const WeightsPixels::Source& source,
                          std::int64_t* src_offsets, std::int64_t* d_dst_offsets) const;

  ConvShape source_;  ///< as given
  ConvShape shape_;   ///< what is computed: source_, or the same of what it samples
  bool short_;        ///< whether by conv_short_weights
  const KernelTable& kernels_;
  bool channels_first_;      ///< whether pixels are transposed: channels x pixels
  std::int64_t taps_;        ///< filter taps whose rows of A are contiguous: 1, or a filter row's
  TileShape tile_;
  bool packs_d_dst_;         ///< everywhere, or only where it has to be
  PixelBands bands_;
  WeightsPixels pixels_;
  std::int64_t max_group_;   ///< images of a segment, at most
  std::int64_t channel_block_;  ///< channels (times taps) that go through all panels of d_dst together
};

}  // namespace tilewise::simd
