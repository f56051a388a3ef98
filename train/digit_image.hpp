#pragma once

#include <cstdint>

#include "tilewise/train/image.hpp"

namespace tilewise {

enum class Ink : std::uint8_t {
  automatic,  ///< dark if the picture's border is bright
  dark,       ///< on bright paper, as written
  bright,     ///< on a dark ground, as in MNIST
};

struct DigitImageOptions {
  Ink ink = Ink::automatic;
  /// Whether to look for the ink, scale it to fit a box and centre it; otherwise the whole picture is
  /// scaled to the size, whatever its proportions.
  bool normalize = true;
  std::int64_t size = 28;  ///< of the result, both ways
  std::int64_t box = 20;   ///< that the ink is made to fit, both ways
};

/// A picture of one character made into what a network trained on MNIST expects, a grey image of size x
/// size with bright ink on black, the way MNIST was made (Y. LeCun, C. Cortes, C. Burges, "The MNIST
/// database of handwritten digits"): the ink scaled to fit a 20x20 box, keeping its proportions, and put
/// where its centre of mass is the centre of 28x28 pixels, but never outside. That centre is pixel
/// (14, 14), counted from 0, as it is on average in MNIST.
///
/// The ground is the median of the picture's border; brightness is stretched so that it becomes 0 and the
/// strongest ink 255, and what is less than a fifth of the way there, shadows and noise, is taken for
/// ground. Colour becomes its luma first.
///
/// Throws ArgumentError when `box` is not in [1, size] or the picture has no ink, all its pixels being
/// the same or fainter than the border.
Image digit_image(const Image& picture, const DigitImageOptions& options = {});

}  // namespace tilewise
