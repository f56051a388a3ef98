#pragma once

#include "tilewise/simd/kernels/vector.hpp"
#include "tilewise/simd/microkernel.hpp"

namespace tilewise::simd {

/// The micro-kernel of microkernel.hpp for a tile of MR rows and NV vectors.
template <class Arch, int MR, int NV>
struct Tile {
  static constexpr std::int64_t W = kWidth<Arch>;

  /// Taller tiles take so long that the processor sees far enough ahead.
  static constexpr bool kFetches = MR <= 8;
  /// Steps of k that are long enough for another instruction: by vectors of a whole line.
  static constexpr bool kFetchesColumns = W == 16;
  /// Rows of B to fetch before they are wanted: some 200 cycles, but no more than a few dozen lines.
  /// 384 / (MR * NV) rows take 192 cycles at two multiply-adds a cycle; 768 / (NV * W) are 48 lines, and fewer rows
  /// where W > 2 * MR.
  static constexpr int kAhead = W > 2 * MR ? 768 / (NV * W) : 384 / (MR * NV);

  /// One accumulator per row and vector. Every loop over MR or NV is unrolled whole, so that this
  /// array lives in registers.
  Vec<Arch> acc[MR][NV];

  [[gnu::always_inline]] inline void clear() {
    TILEWISE_UNROLL for (int m = 0; m < MR; ++m) {
      TILEWISE_UNROLL for (int v = 0; v < NV; ++v) acc[m][v] = Vec<Arch>(0.0F);
    }
  }

  /// acc += A * B for one pair. One of A's strides is 1: unit_k says which. packed: ldb is the width of
  /// the tile, so that the rows of B are at constant distances. fetches_a: what the next tiles read of A is fetched.
  template <bool unit_k, bool packed, BRows b_rows, bool fetches_a>
  [[gnu::always_inline]] inline void accumulate(const TileArgs& args, const float* a,
                                                const float* b) {
    // Rows of A that are a stride apart have a pointer each where there are registers for it; otherwise
    // three share one: x86 addresses base + offset, where the offsets are 0, a stride and two strides.
    constexpr int kShared = MR <= 6 ? 1 : 3;
    constexpr int kPointers = (MR + kShared - 1) / kShared;
    const std::int64_t ldb = packed ? NV * W : args.ldb;
    // Its own, so that no store to packed_b can change them.
    const std::int64_t a_row_stride = args.a_row_stride, terms = args.k;
    [[maybe_unused]] float* packed_b = args.packed_b;
    [[maybe_unused]] const float* const next_a = a + MR * a_row_stride;
    const float* rows[kPointers];
    rows[0] = a;
    TILEWISE_UNROLL for (int p = 1; p < kPointers; ++p) {
      rows[p] = rows[p - 1] + kShared * a_row_stride;
    }

    std::int64_t k = 0;
    const auto step = [&](int i) __attribute__((always_inline)) {
      if constexpr (kFetches && b_rows != BRows::near) {
        TILEWISE_UNROLL for (int x = 0; x < NV * W; x += 16) __builtin_prefetch(b + (kAhead + i) * ldb + x);
      }
      Vec<Arch> row[NV];
      TILEWISE_UNROLL for (int v = 0; v < NV; ++v) row[v] = load<Arch>(b + i * ldb + v * W);
      if constexpr (b_rows == BRows::packing) {
        TILEWISE_UNROLL for (int v = 0; v < NV; ++v) row[v].store_unaligned(packed_b + v * W);
        packed_b += NV * W;
      }
      TILEWISE_UNROLL for (int m = 0; m < MR; ++m) {
        const float& factor = unit_k ? rows[m / kShared][m % kShared * a_row_stride + k + i] : a[m];
        if constexpr (NV == 1) {
          add_product<Arch>(factor, row[0], acc[m][0]);
        } else {
          const Vec<Arch> value(factor);
          TILEWISE_UNROLL for (int v = 0; v < NV; ++v) add_product<Arch>(value, row[v], acc[m][v]);
        }
      }
      if constexpr (!unit_k) {
        if constexpr (fetches_a) __builtin_prefetch(a + 16, 0, 2);
        a += args.a_k_stride;
      }
    };
    // Several steps a round: beside a busy sibling thread the core starts too few instructions a cycle
    // for the loop's own to be free. Without constant distances between them more than two rows of B take
    // more registers than there are.
    constexpr int kSteps = packed ? 4 : 2;
    const std::int64_t rest = terms & (kSteps - 1);
    if constexpr (packed) {
      TILEWISE_ROLLED for (; k < rest; ++k, b += ldb) step(0);  // else gcc makes three copies of it, and copies sums
    } else {
      for (; k < rest; ++k, b += ldb) step(0);
    }
    for (; k < terms; k += kSteps, b += kSteps * ldb) {
      // Lines of two rows a round, so that in the 16 steps of a line all eight rows have had their turn.
      if constexpr (unit_k && fetches_a) {
        const float* const line = next_a + k / kSteps % 4 * 2 * a_row_stride + k;
        __builtin_prefetch(line, 0, 2);
        __builtin_prefetch(line + a_row_stride, 0, 2);
      }
      TILEWISE_UNROLL for (int i = 0; i < kSteps; ++i) step(i);
    }
  }

  /// C(m, v) = combine(acc(m, v), v, old C(m, v)); the old C is read only where combine asks for it.
  /// Of the last vectors just the first `last` lanes belong to C.
  template <bool partial, class Combine>
  [[gnu::always_inline]] inline void store(float* c, std::int64_t ldc, std::int64_t last, Combine combine) const {
    TILEWISE_UNROLL for (int m = 0; m < MR; ++m, c += ldc) {
      TILEWISE_UNROLL for (int v = 0; v < NV; ++v) {
        float* const p = c + v * W;
        if (partial && v == NV - 1) {
          store_partial<Arch>(p, last, combine(acc[m][v], v, [=] { return load_partial<Arch>(p, last); }));
        } else {
          combine(acc[m][v], v, [=] { return load<Arch>(p); }).store_unaligned(p);
        }
      }
    }
  }

  template <bool partial>
  [[gnu::always_inline]] inline void finish(const TileArgs& args, float* c) const {
    using V = Vec<Arch>;
    // Their own, so that no store to C can change them.
    const std::int64_t ldc = args.ldc, last = args.columns - (NV - 1) * W;
    switch (args.epilogue) {
      case Epilogue::store:
        return store<partial>(c, ldc, last, [](V sum, int, auto) { return sum; });
      case Epilogue::add:
        return store<partial>(c, ldc, last, [](V sum, int, auto old) { return sum + old(); });
      case Epilogue::bias: {
        const V floor(args.floor);
        V bias[NV];
        TILEWISE_UNROLL for (int v = 0; v < NV; ++v) {
          const float* p = args.bias + v * W;
          bias[v] = partial && v == NV - 1 ? load_partial<Arch>(p, last) : load<Arch>(p);
        }
        return store<partial>(c, ldc, last, [&](V sum, int v, auto) { return xsimd::max(floor, sum + bias[v]); });
      }
    }
  }

  /// finish<true>() of sums in memory, for instruction sets of 16 registers. Not inlined: addresses and masks of parts
  /// of vectors would take registers from the loop over k.
  [[gnu::noinline, gnu::flatten]] static void finish_partial(const TileArgs& args, const float* sums, float* c) {
    Tile tile;
    TILEWISE_UNROLL for (int m = 0; m < MR; ++m) {
      TILEWISE_UNROLL for (int v = 0; v < NV; ++v) tile.acc[m][v] = load<Arch>(sums + (m * NV + v) * W);
    }
    tile.template finish<true>(args, c);
  }

  /// Not inlined: one function of all forms would have to keep more in registers than there are.
  template <bool unit_k, bool packed, BRows b_rows = BRows::near, bool fetches_a = false>
  [[gnu::noinline, gnu::flatten]] static void run_tiles(const TileArgs& args) {
    // Has args read again by what follows. Kept, its members would take registers from the loop over k, or be stored
    // and loaded again, which takes longer than loading them.
    const auto reload_args = []() __attribute__((always_inline)) { asm volatile("" ::: "memory"); };
    const float* a = args.a;
    float* c = args.c;
    const float* ahead = args.ahead;
    for (std::int64_t tiles = args.tiles; tiles > 0; --tiles) {
      for (std::int64_t i = 0; i < args.ahead_lines; ++i, ahead += 16) __builtin_prefetch(ahead, 0, 2);
      // C is on its way while the sums are made: a store, too, needs its line.
      TILEWISE_UNROLL for (int m = 0; m < MR; ++m) {
        for (std::int64_t i = 0; i < NV * W; i += 16) __builtin_prefetch(c + m * args.ldc + i, 1);
      }
      Tile tile;
      tile.clear();
      for (std::int64_t pair = 0; pair < args.pairs; ++pair) {
        reload_args();
        tile.template accumulate<unit_k, packed, b_rows, fetches_a>(args, a + args.a_offsets[pair],
                                                                    args.b + args.b_offsets[pair]);
      }
      reload_args();
      if (args.columns == NV * W) {
        tile.template finish<false>(args, c);
      } else if constexpr (kRegisters<Arch> == 32) {
        tile.template finish<true>(args, c);
      } else {
        alignas(64) float sums[MR * NV * W];
        tile.template store<false>(sums, NV * W, W, [](Vec<Arch> sum, int, auto) { return sum; });
        finish_partial(args, sums, c);
      }
      reload_args();
      a += MR * args.a_row_stride;
      c += MR * args.ldc;
    }
  }

  template <bool unit_k>
  static void run_rows(const TileArgs& args) {
    if (args.b_rows == BRows::packing) return run_tiles<unit_k, false, BRows::packing>(args);
    if constexpr (unit_k ? kFetches : kFetchesColumns) {
      if (args.fetches_a && args.ldb == NV * W) return run_tiles<unit_k, true, BRows::near, true>(args);
    }
    // Rows as wide as the tile lie one behind the other, which the processor sees for itself.
    if (args.ldb == NV * W) return run_tiles<unit_k, true>(args);
    if constexpr (kFetches) {
      if (args.b_rows == BRows::far) return run_tiles<unit_k, false, BRows::far>(args);
    }
    run_tiles<unit_k, false>(args);
  }

  static void run(const TileArgs& args) noexcept {
    args.a_k_stride == 1 ? run_rows<true>(args) : run_rows<false>(args);
  }
};

}  // namespace tilewise::simd
