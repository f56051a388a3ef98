#include "tilewise/simd/kernels/make_table.hpp"

namespace tilewise::simd {

extern const KernelTable sse2_kernels;
constinit const KernelTable sse2_kernels = make_kernel_table<xsimd::sse2>(Isa::sse2);

}  // namespace tilewise::simd
