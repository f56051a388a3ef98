#pragma once

#include "tilewise/simd/kernels/vector.hpp"
#include "tilewise/simd/microkernel.hpp"

namespace tilewise::simd {

/// The micro-kernel of microkernel.hpp for a tile of MR rows and NV vectors.
template <class Arch, int MR, int NV>
struct Tile {
  static constexpr std::int64_t W = kWidth<Arch>;

  /// One accumulator per row and vector. Every loop over MR or NV is unrolled whole, so that this
  /// array lives in registers.
  Vec<Arch> acc[MR][NV];

  [[gnu::always_inline]] inline void clear() {
    TILEWISE_UNROLL for (int m = 0; m < MR; ++m) {
      TILEWISE_UNROLL for (int v = 0; v < NV; ++v) acc[m][v] = Vec<Arch>(0.0F);
    }
  }

  /// acc += A * B for one pair. One of A's strides is 1; as a constant it becomes part of addresses.
  template <bool unit_k>
  [[gnu::always_inline]] inline void accumulate(const TileArgs& args, const float* a,
                                                const float* b) {
    const std::int64_t row_stride = unit_k ? args.a_row_stride : 1;
    const std::int64_t k_stride = unit_k ? 1 : args.a_k_stride;
    // Three rows share a pointer: x86 addresses base + offset, where the three offsets are those of
    // k, k plus a row and k plus two rows. So 14 rows need 5 pointers, not 14.
    constexpr int kGroups = (MR + 2) / 3;
    const float* rows[kGroups];
    TILEWISE_UNROLL for (int g = 0; g < kGroups; ++g) rows[g] = a + 3 * g * row_stride;
    for (std::int64_t k = 0; k < args.k; ++k) {
      // So few rows are bound by reading B, often in place, its rows too far apart for the processor to
      // see a pattern.
      if constexpr (MR <= 2) {
        for (std::int64_t i = 0; i < NV * W; i += 16) __builtin_prefetch(b + 16 * args.ldb + i);
      }
      Vec<Arch> row[NV];
      TILEWISE_UNROLL for (int v = 0; v < NV; ++v) row[v] = load<Arch>(b + v * W);
      TILEWISE_UNROLL for (int m = 0; m < MR; ++m) {
        const Vec<Arch> value(rows[m / 3][m % 3 * row_stride + k * k_stride]);
        TILEWISE_UNROLL for (int v = 0; v < NV; ++v) {
          acc[m][v] = madd<Arch>(value, row[v], acc[m][v]);
        }
      }
      b += args.ldb;
    }
  }

  /// C(m, v) = combine(acc(m, v), v, old C(m, v)); the old C is read only where combine asks for it.
  /// Of the last vectors just the first `last` lanes belong to C.
  template <bool partial, class Combine>
  [[gnu::always_inline]] inline void store(const TileArgs& args, std::int64_t last,
                                           Combine combine) const {
    TILEWISE_UNROLL for (int m = 0; m < MR; ++m) {
      float* row = args.c + m * args.ldc;
      TILEWISE_UNROLL for (int v = 0; v < NV; ++v) {
        float* c = row + v * W;
        if (partial && v == NV - 1) {
          store_partial<Arch>(c, last,
                              combine(acc[m][v], v, [=] { return load_partial<Arch>(c, last); }));
        } else {
          combine(acc[m][v], v, [=] { return load<Arch>(c); }).store_unaligned(c);
        }
      }
    }
  }

  template <bool partial>
  [[gnu::always_inline]] inline void finish(const TileArgs& args) const {
    using V = Vec<Arch>;
    const std::int64_t last = args.columns - (NV - 1) * W;
    switch (args.epilogue) {
      case Epilogue::store:
        return store<partial>(args, last, [](V sum, int, auto) { return sum; });
      case Epilogue::add:
        return store<partial>(args, last, [](V sum, int, auto old) { return sum + old(); });
      case Epilogue::bias: {
        const V floor(args.floor);
        V bias[NV];
        TILEWISE_UNROLL for (int v = 0; v < NV; ++v) {
          const float* p = args.bias + v * W;
          bias[v] = partial && v == NV - 1 ? load_partial<Arch>(p, last) : load<Arch>(p);
        }
        return store<partial>(args, last,
                              [&](V sum, int v, auto) { return xsimd::max(floor, sum + bias[v]); });
      }
    }
  }

  template <bool unit_k>
  [[gnu::always_inline]] static inline void run_pairs(const TileArgs& args) {
    Tile tile;
    tile.clear();
    for (std::int64_t pair = 0; pair < args.pairs; ++pair) {
      tile.template accumulate<unit_k>(args, args.a + args.a_offsets[pair],
                                       args.b + args.b_offsets[pair]);
    }
    if (args.columns == NV * W) {
      tile.template finish<false>(args);
    } else {
      tile.template finish<true>(args);
    }
  }

  [[gnu::flatten]] static void run(const TileArgs& shared) noexcept {
    const TileArgs args = shared;  // its own, so that no store to C can change it
    // Where C is added to, it is on its way while the sums are made.
    if (args.epilogue == Epilogue::add) {
      TILEWISE_UNROLL for (int m = 0; m < MR; ++m) {
        for (std::int64_t i = 0; i < NV * W; i += 16) __builtin_prefetch(args.c + m * args.ldc + i);
      }
    }
    if (args.a_k_stride == 1) {
      run_pairs<true>(args);
    } else {
      run_pairs<false>(args);
    }
  }
};

}  // namespace tilewise::simd
