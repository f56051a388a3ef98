#pragma once

#include <span>
#include <string_view>

namespace tilewise::simd {

/// The instruction sets that have kernels.
enum class Isa {
  sse2,    ///< x86-64's baseline, 4 floats
  avx2,    ///< AVX2 with FMA3, 8 floats
  avx512,  ///< AVX-512 F, BW, CD, DQ and VL, 16 floats
  neon,    ///< aarch64's baseline, 4 floats
};

/// "sse2", "avx2", "avx512" or "neon".
std::string_view isa_name(Isa isa);

/// The instruction sets that this build has kernels for and this CPU (and its operating system) can
/// run, best first; never empty.
std::span<const Isa> supported_isas();

/// The instruction set to use: the one that the environment's TILEWISE_ISA names, else the best.
/// Throws ArgumentError when TILEWISE_ISA names one that is unknown or cannot run here.
Isa default_isa();

}  // namespace tilewise::simd
