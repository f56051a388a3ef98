#pragma once

#include <optional>

#include "tilewise/layers/layer.hpp"
#include "tilewise/layers/sequential.hpp"

namespace tilewise {

/// A residual block: dst = main(src) + shortcut(src), element by element, where main is a network and the
/// shortcut another, or nothing, which leaves src as it is:
///
///   Sequential main({32, 32, 16});
///   main.add(Conv2D({.filters = 16, .padding = Padding::same}))
///       .add(BatchNormalization()).add(ReLU())
///       .add(Conv2D({.filters = 16, .padding = Padding::same}))
///       .add(BatchNormalization());
///   network.add(Residual(main)).add(ReLU());
///
/// Parameters are those of the branches, "main/conv2d/kernel" and "shortcut/conv2d/kernel". Branches may have
/// residual blocks in them. A layer of Tilewise's own; in Keras two paths and an Add().
///
/// K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", arXiv:1512.03385,
/// equations 1 and 2.
class Residual final : public Layer {
 public:
  /// Throws ArgumentError when main or a shortcut has no layers, ShapeError, which names the last layer of
  /// each, when they do not begin or end with the same shapes.
  explicit Residual(Sequential main, std::optional<Sequential> shortcut = std::nullopt);

  const Sequential& main() const { return main_; }
  /// Null: the input itself.
  const Sequential* shortcut() const { return shortcut_ ? &*shortcut_ : nullptr; }

  std::string_view type() const override { return "Residual"; }
  std::string_view name_stem() const override { return "residual"; }
  Shape output_shape(const Shape& input) const override;
  std::vector<ParameterSpec> parameters(const Shape& input) const override;
  double forward_flops(const Shape& input) const override;
  std::vector<Branch> branches() const override;
  void append_steps(const StepContext& context, Steps& steps) const override;

 private:
  Sequential main_;
  std::optional<Sequential> shortcut_;
};

}  // namespace tilewise
