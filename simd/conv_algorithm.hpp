#pragma once

#include <cstdint>

namespace tilewise::simd {

/// How a convolution and its gradients are computed.
enum class ConvAlgorithm : std::uint8_t {
  automatic,     ///< by Winograd's filtering (ConvWinograd, WinogradWeights) where that is faster, else directly
  winograd_2x2,  ///< likewise, but with tiles of 2 x 2 outputs only: less memory, smaller errors
  direct,        ///< as the definition has it
};

}  // namespace tilewise::simd
