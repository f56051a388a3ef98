#pragma once

#include "tilewise/layers/layer.hpp"

namespace tilewise {

/// Rows or columns of zeros before and after an image.
struct Margin {
  std::int64_t before = 1;
  std::int64_t after = 1;
};

struct ZeroPadding2DOptions {
  Margin rows = {};     ///< top and bottom
  Margin columns = {};  ///< left and right
};

/// src with rows and columns of zeros around it: (h, w, c) to (top + h + bottom, left + w + right, c).
/// Meaning and defaults are those of Keras's ZeroPadding2D, whose ((top, bottom), (left, right)) is
/// {.rows = {top, bottom}, .columns = {left, right}}.
class ZeroPadding2D final : public Layer {
 public:
  /// Throws ArgumentError when a margin is negative or above 2^31 - 1.
  explicit ZeroPadding2D(const ZeroPadding2DOptions& options = {});

  const ZeroPadding2DOptions& options() const { return options_; }

  std::string_view type() const override { return "ZeroPadding2D"; }
  std::string_view name_stem() const override { return "zero_padding2d"; }
  Shape output_shape(const Shape& input) const override;
  void append_steps(const StepContext& context, Steps& steps) const override;

 private:
  ZeroPadding2DOptions options_;
};

}  // namespace tilewise
