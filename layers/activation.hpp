#pragma once

#include <cstdint>
#include <string_view>

#include "tilewise/core/shape.hpp"
#include "tilewise/layers/step.hpp"

namespace tilewise {

/// The activation of a Conv2D or Dense layer, as Keras has it: the layer of the same name with its default
/// options, but for leaky_relu, whose negative_slope is 0.2 here and 0.3 in LeakyReLU.
enum class Activation : std::uint8_t {
  linear, relu, softmax, leaky_relu, elu, gelu, silu, sigmoid, tanh
};

/// Keras's name: "linear", "relu", "leaky_relu", ...
std::string_view activation_name(Activation activation);

/// The activation of that name; also "swish", which is silu. Throws ArgumentError for any other.
Activation parse_activation(std::string_view name);

/// Appends the step that applies `activation` to values of shape `shape`, nothing for linear.
void append_activation(Activation activation, const simd::KernelTable& kernels, const Shape& shape,
                       Steps& steps);

}  // namespace tilewise
