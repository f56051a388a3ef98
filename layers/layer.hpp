#pragma once

#include <string_view>
#include <vector>

#include "tilewise/core/shape.hpp"
#include "tilewise/layers/parameter.hpp"
#include "tilewise/layers/step.hpp"

namespace tilewise {

class Sequential;

/// The description of one layer: options, shapes and parameters, but no memory and no state. Shapes
/// are those of one image or sample, without the batch.
class Layer {
 public:
  virtual ~Layer() = default;

  /// Keras's class name, "Conv2D", and the stem of automatic layer names, "conv2d".
  virtual std::string_view type() const = 0;
  virtual std::string_view name_stem() const = 0;

  /// Throws ShapeError when `input` does not suit the layer.
  virtual Shape output_shape(const Shape& input) const = 0;

  virtual std::vector<ParameterSpec> parameters(const Shape& input) const {
    static_cast<void>(input);
    return {};
  }

  /// Floating-point operations of one forward pass over one sample in matrix products and
  /// convolutions, a multiply-add counted as two; the rest is not counted, as is customary.
  virtual double forward_flops(const Shape& input) const {
    static_cast<void>(input);
    return 0;
  }

  /// Later layers may read only a corner of an image, rows and columns from 0 on: a 2x2 pooling of
  /// 11 x 11 reads 10 x 10. Whether append_steps() can make a corner alone, StepContext::dst, and
  /// which corner of the input it reads for that.
  virtual bool makes_corners() const { return false; }
  virtual Shape read_corner(const Shape& input, const Shape& dst) const {
    static_cast<void>(dst);
    return input;
  }

  /// The networks that the layer is made of, if it is, in the order of their parameters; they live as long
  /// as the layer does.
  struct Branch {
    std::string_view name;  ///< "main"
    const Sequential* network;
  };
  virtual std::vector<Branch> branches() const { return {}; }

  /// Appends the steps that execute the layer; none for a layer that only renames axes.
  virtual void append_steps(const StepContext& context, Steps& steps) const = 0;
};

}  // namespace tilewise
