#pragma once

#include <cstdint>

#include "tilewise/simd/blocking.hpp"
#include "tilewise/simd/conv_shape.hpp"
#include "tilewise/simd/tap_runs.hpp"

namespace tilewise::simd {

/// A rectangle of pixels.
struct PixelBand {
  std::int64_t first_row, end_row, first_column, end_column;
  std::int64_t rows() const { return end_row - first_row; }
  std::int64_t columns() const { return end_column - first_column; }
};

/// Bands that an image is worked on in: of whole rows of pixels, or, when there is one row only, pieces
/// of it.
struct PixelBands {
  EvenSplit rows{0, 1};
  EvenSplit columns{0, 1};
  std::int64_t pieces() const { return rows.pieces * columns.pieces; }
  PixelBand operator[](std::int64_t i) const;
};

/// The tile of a direct pass, a product (m x k) by (k x n). Where both m and n are long that is, with vectors of 16
/// floats, the tile of most vectors, which reads A half as often as the tallest and writes longer pieces of C's rows.
TileShape choose_conv_tile(const KernelTable& kernels, std::int64_t m, std::int64_t n, std::int64_t k);

/// Bands of h x w pixels, about `pixels` each where there are as many.
PixelBands pixel_bands(std::int64_t h, std::int64_t w, std::int64_t pixels);

/// Pixels of a forward pass's band, at least, where its image has as many.
inline constexpr std::int64_t kLeastBandPixels = 64;
/// Bands of a forward pass (of its output), and images of a single band that it should work on together.
PixelBands forward_bands(const ConvShape& shape);
std::int64_t forward_group(const ConvShape& shape);
/// Of a forward pass that copies what a band sees, with its padding: 32 KB, for what neighbours share is copied twice,
/// but no more, lest a single image leaves threads with nothing to do; nor more than half of its operands.
PixelBands padded_bands(const ConvShape& shape);
/// The same of backward data: bands of d_src.
PixelBands backward_data_bands(const ConvShape& shape);
std::int64_t backward_data_group(const ConvShape& shape);
/// Whether backward data sets columns that no window sees to zero with their rows, whose other pixels are then written
/// twice: where most are such, or small tiles would take longer to start than to store.
bool clears_unseen_columns(const TapAxis& columns, const TileShape& tile);

/// How the products of backward weights read d_dst: packed in panels, or in place, often or not.
enum class DDstUse : std::uint8_t { packed, often, seldom };
/// Pixels that one step of backward weights should sum over, and bands of about as many.
std::int64_t backward_weights_pixels(const ConvShape& shape, DDstUse use);
PixelBands backward_weights_bands(const ConvShape& shape, DDstUse use);

/// What tasks do with a band before they multiply: nothing, or something that each task of its panels does again.
enum class BandTasks : std::uint8_t { multiply, prepare };

/// Bands of all images times panels of output channels, cut into tasks: runs of bands, and of panels
/// where there are few bands. What an element is and how it is summed does not depend on the cutting,
/// so that it may go by the number of threads.
class ConvTasks {
 public:
  /// `multiply_adds`: of one image.
  ConvTasks(int threads, std::int64_t images, std::int64_t bands, std::int64_t panels,
            double multiply_adds, BandTasks band_tasks = BandTasks::multiply);

  struct Task {
    std::int64_t first_band, end_band;  ///< counted over all images
    std::int64_t first_panel, end_panel;
  };
  std::int64_t count() const { return bands_.pieces * panels_.pieces; }
  double nanoseconds() const { return nanoseconds_; }
  Task operator[](std::int64_t i) const;

 private:
  double nanoseconds_;
  MixedSplit bands_;
  EvenSplit panels_;
};

}  // namespace tilewise::simd
