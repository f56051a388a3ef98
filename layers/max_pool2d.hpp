#pragma once

#include <optional>

#include "tilewise/layers/layer.hpp"
#include "tilewise/layers/window2d.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise {

struct MaxPool2DOptions {
  Extent2D pool_size = 2;
  std::optional<Extent2D> strides = std::nullopt;  ///< as pool_size unless given
  Padding padding = Padding::valid;
};

/// dst(oh, ow, c) = the largest src in the window at (oh * stride, ow * stride), channel by channel;
/// padding is never the largest. (h, w, c) to (oh, ow, c). The gradient goes to the first of equal
/// values. Meaning and defaults are those of Keras's MaxPooling2D.
class MaxPool2D final : public Layer {
 public:
  explicit MaxPool2D(const MaxPool2DOptions& options = {});

  const MaxPool2DOptions& options() const { return options_; }

  std::string_view type() const override { return "MaxPooling2D"; }
  std::string_view name_stem() const override { return "max_pooling2d"; }
  Shape output_shape(const Shape& input) const override;
  bool makes_corners() const override { return true; }
  Shape read_corner(const Shape& input, const Shape& dst) const override {
    return window(input).read_corner(input, dst);
  }
  void append_steps(const StepContext& context, Steps& steps) const override;

  /// Throws ShapeError also for a window of more than 2^16 elements.
  simd::PoolGeometry geometry(const Shape& input) const;

 private:
  Window2D window(const Shape& input) const;
  Extent2D strides() const { return options_.strides.value_or(options_.pool_size); }

  MaxPool2DOptions options_;
};

}  // namespace tilewise
