#pragma once

#include <cstdint>

#include "tilewise/core/shape.hpp"
#include "tilewise/layers/step.hpp"

namespace tilewise {

/// The activation of a Conv2D or Dense layer.
enum class Activation : std::uint8_t { linear, relu, softmax };

/// Appends the step that applies `activation` to values of shape `shape`, nothing for linear.
void append_activation(Activation activation, const simd::KernelTable& kernels, const Shape& shape,
                       Steps& steps);

}  // namespace tilewise
