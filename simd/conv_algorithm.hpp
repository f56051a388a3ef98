#pragma once

#include <cstdint>
#include <limits>

namespace tilewise::simd {

/// Which result of a convolution: dst, or the gradient with respect to src, d_src.
enum class ConvPass : std::uint8_t { forward, backward_data };

/// The floor of max(floor, convolution + bias) that lets everything through; 0 makes it ReLU.
inline constexpr float kNoFloor = -std::numeric_limits<float>::infinity();

/// How a convolution and its gradients are computed.
enum class ConvAlgorithm : std::uint8_t {
  automatic,     ///< by Winograd's filtering (ConvWinograd, WinogradWeights) where that is faster, else directly
  winograd_2x2,  ///< likewise, but with tiles of 2 x 2 outputs only: less memory, smaller errors
  direct,        ///< as the definition has it
};

}  // namespace tilewise::simd
