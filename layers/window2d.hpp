#pragma once

#include <algorithm>
#include <cstdint>

#include "tilewise/core/shape.hpp"

namespace tilewise {

/// A height and a width; one number stands for both.
struct Extent2D {
  constexpr Extent2D(std::int64_t both) : height(both), width(both) {}  // NOLINT: implicit
  constexpr Extent2D(std::int64_t h, std::int64_t w) : height(h), width(w) {}

  std::int64_t height;
  std::int64_t width;

  friend bool operator==(const Extent2D&, const Extent2D&) = default;
};

enum class Padding : std::uint8_t {
  valid,  ///< none: output = floor((input - window) / stride) + 1
  same,   ///< zeros, the smaller half before: output = ceil(input / stride), as in Keras
};

/// A window sliding along one axis.
struct WindowAxis {
  std::int64_t input;
  std::int64_t reach;  ///< elements from the first to the last that a window stands on
  std::int64_t stride;
  std::int64_t output;
  std::int64_t pad_before;
  std::int64_t pad_after;

  /// Where the first `windows` windows end, perhaps beyond the input, and how much input they read.
  std::int64_t end_of(std::int64_t windows) const {
    return (windows - 1) * stride + reach - pad_before;
  }
  std::int64_t inputs_of(std::int64_t windows) const { return std::min(input, end_of(windows)); }
};

/// Where a window of `window` elements, `dilation` apart, stands along an axis of `input` elements.
/// Throws ShapeError when a number is not positive or the window does not fit.
WindowAxis slide_window(std::int64_t input, std::int64_t window, std::int64_t stride,
                        std::int64_t dilation, Padding padding);

/// A window sliding over an image.
struct Window2D {
  WindowAxis rows;
  WindowAxis columns;

  /// The corner of `input`, (h, w, c), that the windows of the first dst[0] rows and dst[1] columns of
  /// outputs read.
  Shape read_corner(const Shape& input, const Shape& dst) const {
    return {rows.inputs_of(dst[0]), columns.inputs_of(dst[1]), input[2]};
  }
};

/// Throws ShapeError unless `input` is that of an image: (h, w, c), all positive.
void check_image(const Shape& input);

/// slide_window() along both axes of an image. Throws as check_image() does, too.
Window2D slide_window(const Shape& input, Extent2D window, Extent2D stride, Extent2D dilation,
                      Padding padding);

}  // namespace tilewise
