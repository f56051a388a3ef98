#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tilewise/core/parallel.hpp"
#include "tilewise/core/workspace.hpp"
#include "tilewise/simd/conv_algorithm.hpp"
#include "tilewise/simd/conv_blocking.hpp"
#include "tilewise/simd/conv_shape.hpp"
#include "tilewise/simd/kernel_table.hpp"
#include "tilewise/simd/panels.hpp"
#include "tilewise/simd/tap_runs.hpp"

namespace tilewise::simd {

/// Convolution (conv_shape.hpp) as its definition has it, prepared for one shape; immutable.
///
/// Every row of output pixels is a product: (ow x K) pixels times (K x oc) filters, where an NHWC
/// image and an HWIO filter make the (kw, ic) of each filter row one contiguous run of K. Pixels at the
/// edges, which see fewer taps, are products of their own, shorter by what would be padding. With few input channels
/// bands of the image are copied with zeros for padding instead; of 1x1 filters with a stride, where it pays, just the
/// pixels that they see; filter rows of few terms have a kernel of their own
/// (conv_short in kernel_table.hpp). Which way is taken shows at the edges where a weight
/// is not finite: times a zero of padding it makes NaN, left out it does nothing.
///
/// Backward data is the same of d_dst, with the filters transposed and turned around, for each phase of the stride: its
/// output is d_src, every stride-th row and column of it (tap_runs.hpp). Pixels that no window sees are set to zero.
class ConvDirect {
 public:
  /// Throws ShapeError when `shape` is not a convolution.
  ConvDirect(const KernelTable& kernels, const ConvShape& shape, ConvPass pass = ConvPass::forward);

  std::string kernel() const;           ///< in a few words: "tile 6x2", "conv_short 4x2"
  std::int64_t packed_floats() const;   ///< of the packed filters
  std::int64_t scratch_floats() const;  ///< of each thread's workspace
  double multiply_adds() const { return shape_.multiply_adds(); }  ///< of an image, those of padding counted

  /// Packs the filters (kh, kw, ic, oc) as images() and batch() want them.
  void pack(const float* wei, float* packed) const;

  /// dst = max(floor, convolution + bias) for `images` images, one after the other in memory, perhaps none. A floor of
  /// 0 is ReLU, kNoFloor nothing. bias is oc floats, zeros where there is none.
  void images(std::int64_t images, const float* src, const float* packed_wei, const float* bias,
              float floor, float* dst, Workspace scratch) const;

  /// The same on all threads; the workspace holds scratch_floats() for each.
  void batch(Executor& executor, std::int64_t images, const float* src, const float* packed_wei,
             const float* bias, float floor, float* dst, Workspace workspace) const;

  /// Backward data, which has neither bias nor floor: d_src of `images` images.
  void images(std::int64_t images, const float* d_dst, const float* packed_wei, float* d_src, Workspace scratch) const {
    this->images(images, d_dst, packed_wei, nullptr, kNoFloor, d_src, scratch);
  }
  /// The same on all threads, likewise.
  void batch(Executor& executor, std::int64_t images, const float* d_dst, const float* packed_wei, float* d_src,
             Workspace workspace) const {
    batch(executor, images, d_dst, packed_wei, nullptr, kNoFloor, d_src, workspace);
  }

 private:
  /// An image in memory.
  struct Image {
    std::int64_t h, w, channels;
    std::int64_t size() const { return h * w * channels; }
  };
  struct Operands {
    const float *src, *packed_wei, *bias;
    float floor;
    float* dst;
  };
  /// A run of columns, and the pairs of the micro-kernel that sum its taps: `runs` contiguous ones of
  /// length k for each filter row.
  struct Columns {
    TapRun run;
    std::int64_t k, runs;
    std::vector<std::int64_t> src_offsets, wei_offsets;  ///< of all filter rows
  };

  void plan_forward(const KernelTable& kernels);
  void plan_backward_data(const KernelTable& kernels);
  Columns make_columns(const TapRun& run) const;
  /// Bands that so many threads can share: shorter ones, where they are few and do not come out even, or of a single
  /// small image at least a band for each thread.
  PixelBands shared_bands(int threads, std::int64_t groups, std::int64_t panels) const;
  /// Groups of small images, or single ones, that are worked on together.
  EvenSplit groups(std::int64_t images) const;
  /// What a band of output pixels of some images reads: src itself, or copies of what pads_ and samples_ say.
  const float* read_by(const float* src, std::int64_t images, const PixelBand& band, Workspace& scratch) const;
  /// One band of output pixels of some images, channels [first_channel, end_channel).
  void band(const Operands& operands, std::int64_t images, const PixelBand& band,
            std::int64_t first_channel, std::int64_t end_channel, Workspace scratch) const;
  /// The same by conv_short, `src` being what the band reads from its first row on.
  void short_band(const Operands& operands, const float* src, std::int64_t images, const PixelBand& band,
                  std::int64_t first_channel, std::int64_t end_channel) const;
  /// Sets the rows of a band of d_src to zero that no window sees, or, with clears_columns_, that have such pixels:
  /// whole rows at once, which is faster than in tiles.
  void clear_unseen(float* dst, const PixelBand& band, std::int64_t first_channel, std::int64_t end_channel) const;
  /// What the band after this one reads of src, fetched within so many tiles.
  Ahead next_band(const float* src, std::int64_t images, const PixelBand& band,
                  std::int64_t tiles) const;

  const KernelTable* kernels_ = nullptr;
  ConvPass pass_;
  ConvShape source_;        ///< as given
  ConvShape shape_;         ///< what is computed: source_, or the same of padded images, or of what it samples of them
  bool pads_ = false;       ///< whether bands are copied with their padding
  bool samples_ = false;    ///< whether what bands see is copied side by side
  bool short_ = false;      ///< whether by conv_short
  Image in_, out_;          ///< as given: src and dst, or d_dst and d_src
  std::int64_t width_ = 0;  ///< of the rows that are read: those of in_, or with their padding
  TapAxis rows_, columns_;
  PixelBands bands_;
  std::int64_t max_group_ = 1;
  TileShape tile_;
  bool clears_columns_ = false;  ///< whether pixels that no window sees are cleared with their rows
  std::vector<Columns> column_runs_;
};

}  // namespace tilewise::simd
