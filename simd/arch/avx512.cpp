#include "tilewise/simd/kernels/make_table.hpp"

namespace tilewise::simd {

extern const KernelTable avx512_kernels;
constinit const KernelTable avx512_kernels = make_kernel_table<xsimd::avx512bw>(Isa::avx512);

}  // namespace tilewise::simd
