#pragma once

#include <cstdint>
#include <vector>

#include "tilewise/core/shape.hpp"
#include "tilewise/core/workspace.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise {

/// How images are changed at random, each epoch anew, before a network is trained on them. Ranges mean that
/// a number is drawn evenly from them for each image; 0 is off. Keras's ImageDataGenerator takes shift,
/// rotate and scale alike (width_shift_range, rotation_range, zoom_range), but what comes from outside is 0
/// here, as is the ground of MNIST.
struct AugmentOptions {
  double shift = 0;   ///< in [-shift, shift], down and across: pixels, or below 1, parts of height and width
  double rotate = 0;  ///< in [-rotate, rotate] degrees, counterclockwise
  double scale = 0;   ///< by a factor in [1 - scale, 1 + scale], at most 0.9
  double shear = 0;   ///< in [-shear, shear] degrees, at most 60: columns slant, rows stay level
  /// Elastic distortion: each pixel is displaced by a field of even noise in [-1, 1], one number for down
  /// and one for across, smoothed by a Gaussian of standard deviation elastic_sigma pixels and multiplied by
  /// elastic_alpha (P. Simard, D. Steinkraus, J. Platt, "Best practices for convolutional neural networks
  /// applied to visual document analysis", ICDAR 2003, section 2; theirs for MNIST: alpha 34, sigma 4).
  /// The noise is 0 outside the image, so the field fades out towards the border.
  double elastic_alpha = 0;
  double elastic_sigma = 4;
  bool horizontal_flip = false;  ///< left and right exchanged, every second time

  bool any() const {
    return shift != 0 || rotate != 0 || scale != 0 || shear != 0 || elastic_alpha != 0 || horizontal_flip;
  }
};

/// What was drawn for one image, but for its elastic distortion. The image is flipped, sheared, scaled and
/// rotated about its centre, then shifted.
struct AffineChange {
  double down = 0, across = 0;  ///< shift, in pixels
  double rotate = 0;            ///< degrees, counterclockwise
  double scale = 1;
  double shear = 0;             ///< degrees
  bool flip = false;
};

/// Whose random numbers an image gets.
struct AugmentKey {
  std::uint64_t seed = 0;
  std::uint32_t epoch = 0;
  std::int64_t sample = 0;  ///< its number in the data set
};

/// Changes images of one shape as AugmentOptions say. What becomes of an image is a function of its key alone.
class Augmenter {
 public:
  /// Throws ArgumentError when an option is out of range or not finite, or moves pixels of images of this
  /// shape, (h, w, c), by more than 2^14.
  Augmenter(const AugmentOptions& options, const Shape& image_shape);

  /// Floats of workspace that apply() takes.
  std::int64_t scratch_floats() const;

  /// Writes the image changed, and scaled from [0, 255] to [0, 1]: bytes to floats, both (h, w, c). A change
  /// that takes pixels to pixels gives them the same bits as no change does.
  void apply(const simd::KernelTable& kernels, const AugmentKey& key, const std::uint8_t* src,
             Workspace scratch, float* dst) const;

  /// The same with a change that was not drawn, within the same bounds, and without elastic distortion.
  void apply(const simd::KernelTable& kernels, const AffineChange& change, const std::uint8_t* src,
             Workspace scratch, float* dst) const {
    warp(kernels, change, {}, src, scratch, dst);
  }

  AffineChange draw(const AugmentKey& key) const;

  /// Displacements of an image's pixels, down and across: pixel (r, c) has element r * pitch + c.
  struct Field {
    float* down = nullptr;
    float* across = nullptr;
    std::int64_t pitch = 0;
  };
  /// Elastic displacements, in memory taken from `scratch`.
  Field elastic_field(const simd::KernelTable& kernels, const AugmentKey& key, Workspace& scratch) const;

 private:
  void fill_noise(const AugmentKey& key, float* down, float* across) const;
  void warp(const simd::KernelTable& kernels, const AffineChange& change, const Field& field,
            const std::uint8_t* src, Workspace scratch, float* dst) const;

  std::int64_t frame_floats() const { return (height_ + 3) * (width_ + 3) * channels_; }
  std::int64_t radius() const { return static_cast<std::int64_t>(gaussian_.size()) / 2; }
  /// Noise stands among as many zeros as the Gaussian reaches: rows above and below, columns after each row.
  std::int64_t pitch() const { return width_ + radius(); }
  std::int64_t noise_floats() const { return (height_ + 2 * radius()) * pitch(); }
  std::int64_t rows_floats() const { return height_ * pitch() + 2 * radius(); }

  AugmentOptions options_;
  std::int64_t height_, width_, channels_;
  std::vector<float> gaussian_;  ///< weights from -radius to radius, sum 1; empty without elastic distortion
};

}  // namespace tilewise
