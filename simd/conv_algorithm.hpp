#pragma once

#include <cstdint>

namespace tilewise::simd {

/// How a convolution and its gradients are computed.
enum class ConvAlgorithm : std::uint8_t {
  automatic,  ///< by Winograd's filtering (ConvWinograd, WinogradWeights) where that is faster, else directly
  direct,     ///< as the definition has it
};

}  // namespace tilewise::simd
