#pragma once

#include <optional>

#include "tilewise/layers/layer.hpp"
#include "tilewise/layers/window2d.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise {

struct AveragePooling2DOptions {
  Extent2D pool_size = 2;
  std::optional<Extent2D> strides = std::nullopt;  ///< as pool_size unless given
  Padding padding = Padding::valid;
};

/// dst(oh, ow, c) = the mean of src in the window at (oh * stride, ow * stride), channel by channel; padding
/// is not counted. (h, w, c) to (oh, ow, c). Meaning and defaults are those of Keras's AveragePooling2D.
class AveragePooling2D final : public Layer {
 public:
  explicit AveragePooling2D(const AveragePooling2DOptions& options = {}) : options_(options) {}

  const AveragePooling2DOptions& options() const { return options_; }

  std::string_view type() const override { return "AveragePooling2D"; }
  std::string_view name_stem() const override { return "average_pooling2d"; }
  Shape output_shape(const Shape& input) const override;
  bool makes_corners() const override { return true; }
  Shape read_corner(const Shape& input, const Shape& dst) const override;
  void append_steps(const StepContext& context, Steps& steps) const override;

  simd::PoolGeometry geometry(const Shape& input) const;

 private:
  Extent2D strides() const { return options_.strides.value_or(options_.pool_size); }

  AveragePooling2DOptions options_;
};

}  // namespace tilewise
