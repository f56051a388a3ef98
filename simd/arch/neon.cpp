#include "tilewise/simd/kernels/make_table.hpp"

namespace tilewise::simd {

extern const KernelTable neon_kernels;
constinit const KernelTable neon_kernels = make_kernel_table<xsimd::neon64>(Isa::neon);

}  // namespace tilewise::simd
