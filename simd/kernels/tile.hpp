#pragma once

#include <cstring>

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

  /// acc += A * B for one pair.
  [[gnu::always_inline]] inline void accumulate(const TileArgs& args, const float* a,
                                                const float* b) {
    // Three rows share a pointer: x86 addresses base + offset, where the three offsets are those of
    // k, k plus a row and k plus two rows. So 14 rows need 5 pointers, not 14.
    constexpr int kGroups = (MR + 2) / 3;
    const float* rows[kGroups];
    TILEWISE_UNROLL for (int g = 0; g < kGroups; ++g) rows[g] = a + 3 * g * args.a_row_stride;
    for (std::int64_t k = 0; k < args.k; ++k) {
      Vec<Arch> row[NV];
      TILEWISE_UNROLL for (int v = 0; v < NV; ++v) row[v] = load<Arch>(b + v * W);
      TILEWISE_UNROLL for (int m = 0; m < MR; ++m) {
        const Vec<Arch> value(rows[m / 3][m % 3 * args.a_row_stride + k * args.a_k_stride]);
        TILEWISE_UNROLL for (int v = 0; v < NV; ++v) {
          acc[m][v] = madd<Arch>(value, row[v], acc[m][v]);
        }
      }
      b += args.ldb;
    }
  }

  /// C(m, v) = combine(acc(m, v), v, address of the old C)
  template <class Combine>
  [[gnu::always_inline]] inline void store(float* c, std::int64_t ldc, Combine combine) const {
    TILEWISE_UNROLL for (int m = 0; m < MR; ++m) {
      float* row = c + m * ldc;
      TILEWISE_UNROLL for (int v = 0; v < NV; ++v) {
        combine(acc[m][v], v, row + v * W).store_unaligned(row + v * W);
      }
    }
  }

  [[gnu::always_inline]] inline void finish(const TileArgs& args, float* c, std::int64_t ldc,
                                            const float* bias) const {
    using V = Vec<Arch>;
    switch (args.epilogue) {
      case Epilogue::store:
        return store(c, ldc, [](V sum, int, const float*) { return sum; });
      case Epilogue::add:
        return store(c, ldc, [](V sum, int, const float* old) { return sum + load<Arch>(old); });
      case Epilogue::bias: {
        const V floor(args.floor);
        return store(c, ldc, [=](V sum, int v, const float*) {
          return xsimd::max(floor, sum + load<Arch>(bias + v * W));
        });
      }
    }
  }

  [[gnu::flatten]] static void run(const TileArgs& args) noexcept {
    Tile tile;
    tile.clear();
    for (std::int64_t pair = 0; pair < args.pairs; ++pair) {
      tile.accumulate(args, args.a + args.a_offsets[pair], args.b + args.b_offsets[pair]);
    }
    // Whole vectors are stored always. Where the last of them would run past C, they go to a scratch
    // copy, and from there home.
    Scratch scratch;
    const bool partial = args.columns != NV * W;
    if (partial) scratch.fill(args);
    tile.finish(args, partial ? scratch.c : args.c, partial ? NV * W : args.ldc,
                partial ? scratch.bias : args.bias);
    if (partial) scratch.copy_out(args);
  }

  struct Scratch {
    alignas(64) float c[MR * NV * W];
    alignas(64) float bias[NV * W];

    [[gnu::noinline]] void fill(const TileArgs& args) {
      const auto bytes = static_cast<std::size_t>(args.columns) * sizeof(float);
      std::memset(this, 0, sizeof(*this));
      if (args.bias != nullptr) std::memcpy(bias, args.bias, bytes);
      if (args.epilogue == Epilogue::add) {
        for (int m = 0; m < MR; ++m) std::memcpy(c + m * NV * W, args.c + m * args.ldc, bytes);
      }
    }

    [[gnu::noinline]] void copy_out(const TileArgs& args) const {
      const auto bytes = static_cast<std::size_t>(args.columns) * sizeof(float);
      for (int m = 0; m < MR; ++m) std::memcpy(args.c + m * args.ldc, c + m * NV * W, bytes);
    }
  };
};

}  // namespace tilewise::simd
