#include "tilewise/layers/window2d.hpp"

#include <algorithm>
#include <string>

#include "tilewise/core/error.hpp"

namespace tilewise {

WindowAxis slide_window(std::int64_t input, std::int64_t window, std::int64_t stride,
                        std::int64_t dilation, Padding padding) {
  for (const std::int64_t number : {window, stride, dilation}) {
    if (number < 1 || number > INT32_MAX) {
      throw ShapeError("window " + std::to_string(window) + ", stride " + std::to_string(stride) +
                       ", dilation " + std::to_string(dilation) + ": must be from 1 to 2^31 - 1");
    }
  }
  const std::int64_t reach = (window - 1) * dilation + 1;
  if (padding == Padding::valid) {
    if (reach > input) {
      throw ShapeError("a window of " + std::to_string(reach) + " does not fit in " +
                       std::to_string(input));
    }
    return {input, reach, stride, (input - reach) / stride + 1, 0, 0};
  }
  const std::int64_t output = (input + stride - 1) / stride;
  const std::int64_t pad = std::max<std::int64_t>(0, (output - 1) * stride + reach - input);
  return {input, reach, stride, output, pad / 2, pad - pad / 2};
}

void check_image(const Shape& input) {
  if (input.rank() != 3 || input.elements() == 0) {
    throw ShapeError("input shape " + input.to_string() + ", expected (height, width, channels)");
  }
}

Window2D slide_window(const Shape& input, Extent2D window, Extent2D stride, Extent2D dilation,
                      Padding padding) {
  check_image(input);
  return {slide_window(input[0], window.height, stride.height, dilation.height, padding),
          slide_window(input[1], window.width, stride.width, dilation.width, padding)};
}

}  // namespace tilewise
