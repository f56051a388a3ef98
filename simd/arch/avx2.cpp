#include "tilewise/simd/kernels/make_table.hpp"

namespace tilewise::simd {

extern const KernelTable avx2_kernels;
constinit const KernelTable avx2_kernels = make_kernel_table<xsimd::fma3<xsimd::avx2>>(Isa::avx2);

}  // namespace tilewise::simd
