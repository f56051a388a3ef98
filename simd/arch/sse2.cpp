#include "tilewise/simd/kernels/make_table.hpp"

namespace tilewise::simd {

extern const KernelTable sse2_kernels;
constinit const KernelTable sse2_kernels =
    make_kernel_table<xsimd::sse2, RegisterFile{.vectors = 16, .has_fma = false}>(Isa::sse2);

}  // namespace tilewise::simd
