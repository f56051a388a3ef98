#pragma once

#include <cstdint>

namespace tilewise::simd {

/// How a convolution and its gradient with respect to the source are computed.
enum class ConvAlgorithm : std::uint8_t {
  automatic,  ///< by Winograd's filtering (ConvWinograd) where that is faster, else directly
  direct,     ///< as its definition has it
};

}  // namespace tilewise::simd
