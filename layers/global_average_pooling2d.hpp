#pragma once

#include "tilewise/layers/layer.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise {

/// dst(c) = the mean of src(h, w, c) over h and w. (h, w, c) to (c). Meaning is that of Keras's
/// GlobalAveragePooling2D with keepdims=False.
class GlobalAveragePooling2D final : public Layer {
 public:
  std::string_view type() const override { return "GlobalAveragePooling2D"; }
  std::string_view name_stem() const override { return "global_average_pooling2d"; }
  Shape output_shape(const Shape& input) const override;
  void append_steps(const StepContext& context, Steps& steps) const override;

  /// A pooling with one window, the whole image. Throws ShapeError unless `input` is (h, w, c), all positive.
  static simd::PoolGeometry geometry(const Shape& input);
};

}  // namespace tilewise
