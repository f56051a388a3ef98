#pragma once

#include "tilewise/simd/kernel_table.hpp"
#include "tilewise/simd/kernels/narrow_integers.hpp"
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

template <class Arch>
std::int32_t list_picked(std::int64_t n, const float* gradient, const PoolPlace* argmax,
                         std::int32_t place, std::int32_t step, SparseTerm* terms) noexcept {
  const Vec<Arch> zero(0.0F);
  SparseTerm* next = terms;
  // Of 64 elements at a time: the end of the loop over bits is hard to predict.
  for (std::int64_t first = 0; first < n; first += 64) {
    std::uint64_t bits = 0;
    for_each_vector<Arch>(n - first < 64 ? n - first : 64, [&](std::int64_t i, std::int64_t count) {
      const auto picked = equal<Arch>(load_shorts<Arch>(argmax + first + i, count), place);
      // Not "!= 0", which xsimd 8.1 makes false for NaN.
      const auto none = load_some<Arch>(gradient + first + i, count) == zero;
      bits |= std::uint64_t{lane_bits<Arch>(picked & ~none)} << i;
    });
    for (; bits != 0; bits &= bits - 1) {
      const std::int64_t i = first + __builtin_ctzll(bits);
      *next++ = {static_cast<std::int32_t>(i) * step, gradient[i]};
    }
  }
  return static_cast<std::int32_t>(next - terms);
}

}  // namespace tilewise::simd
