#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <vector>

#include "tilewise/layers/layer.hpp"

namespace tilewise {

/// The description of a network: an input shape and layers in a row. A cheap value without memory
/// for weights; Model makes something that runs from it.
class Sequential {
 public:
  /// One layer in its place.
  struct Entry {
    std::string name;  ///< unique: "conv2d", "conv2d_1", ...
    std::shared_ptr<const Layer> layer;
    Shape input;
    Shape output;
    std::vector<ParameterSpec> parameters;

    std::int64_t parameter_count() const;
    std::int64_t trainable_count() const;
    /// The layer itself and those in its branches.
    std::uint32_t layer_count() const;
  };

  /// `input` is the shape of one sample, (height, width, channels) for images.
  explicit Sequential(const Shape& input) : input_(input) {}

  /// Appends a layer, under a name of its own: "conv2d", "conv2d_1" and so on unless one is given.
  /// Throws ShapeError that names the layer when it does not fit what comes before, ArgumentError for a
  /// name that is taken already, that could be one of a layer inside another ("residual/main/conv2d"), or that has
  /// control characters; the network is unchanged then.
  template <std::derived_from<Layer> L>
  Sequential& add(L layer, std::string name = {}) {
    return add(std::make_shared<const L>(std::move(layer)), std::move(name));
  }
  Sequential& add(std::shared_ptr<const Layer> layer, std::string name = {});

  /// The network's own name, for summaries and files.
  const std::string& name() const { return name_; }
  Sequential& set_name(std::string name);

  const Shape& input_shape() const { return input_; }
  const Shape& output_shape() const { return layers_.empty() ? input_ : layers_.back().output; }
  const std::vector<Entry>& layers() const { return layers_; }
  /// Numbers in all parameters, and in those that are trained.
  std::int64_t parameter_count() const;
  std::int64_t trainable_count() const;

  /// Floating-point operations of one sample (see Layer::forward_flops), in one forward pass and in
  /// one training step: each layer with parameters has three passes of equal cost (forward,
  /// gradient of the weights, gradient of the input), the first of them two. Nominal: of the network
  /// as described, whatever a Model can skip.
  double forward_flops() const;
  double training_flops() const;

  /// A table in the form of Keras's model.summary(): layer (type), output shape, parameters. The layers of
  /// branches, whose parameters their layer counts, too, stand below it, indented.
  std::string summary() const;

 private:
  bool has_layer(std::string_view name) const;
  std::string unique_name(std::string_view stem) const;
  /// Of the passes in training_flops() that make gradients which no parameter needs.
  double needless_flops() const;

  std::string name_ = "sequential";
  Shape input_;
  std::vector<Entry> layers_;
};

}  // namespace tilewise
