#pragma once

#include "tilewise/simd/kernel_table.hpp"
#include "tilewise/simd/kernels/vector.hpp"

namespace tilewise::simd {

/// add_sparse for runs of NV vectors, the last of which starts at `last`: where n is no whole number of
/// vectors it overlaps the one before, and both hold the same sums in the lanes they share.
template <class Arch, int NV>
[[gnu::noinline, gnu::flatten]] void add_sparse_run(std::int64_t count, const SparseSum* sums,
                                                    const SparseTerm* terms, const float* src,
                                                    std::int64_t last, float* dst) noexcept {
  constexpr std::int64_t W = kWidth<Arch>;
  for (const SparseSum* sum = sums; sum != sums + count; ++sum) {
    if (sum->count == 0) continue;
    float* const out = dst + sum->dst;
    Vec<Arch> acc[NV];
    TILEWISE_UNROLL for (int v = 0; v < NV - 1; ++v) acc[v] = load<Arch>(out + v * W);
    acc[NV - 1] = load<Arch>(out + last);
    const SparseTerm* const end = terms + sum->first + sum->count;
    for (const SparseTerm* term = terms + sum->first; term != end; ++term) {
      const float* const in = src + term->offset;
      const Vec<Arch> value(term->value);
      TILEWISE_UNROLL for (int v = 0; v < NV - 1; ++v) {
        acc[v] = madd<Arch>(value, load<Arch>(in + v * W), acc[v]);
      }
      acc[NV - 1] = madd<Arch>(value, load<Arch>(in + last), acc[NV - 1]);
    }
    TILEWISE_UNROLL for (int v = 0; v < NV - 1; ++v) acc[v].store_unaligned(out + v * W);
    acc[NV - 1].store_unaligned(out + last);
  }
}

template <class Arch, int NV = kMaxSparseVectors>
void add_sparse(std::int64_t count, const SparseSum* sums, const SparseTerm* terms, const float* src,
                std::int64_t n, float* dst) noexcept {
  if constexpr (NV > 1) {
    if (n <= (NV - 1) * kWidth<Arch>) {
      return add_sparse<Arch, NV - 1>(count, sums, terms, src, n, dst);
    }
  }
  add_sparse_run<Arch, NV>(count, sums, terms, src, n - kWidth<Arch>, dst);
}

}  // namespace tilewise::simd
