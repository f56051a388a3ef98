#include "tilewise/simd/gemm.hpp"

#include <algorithm>
#include <string>

#include "tilewise/core/error.hpp"
#include "tilewise/simd/blocking.hpp"
#include "tilewise/simd/panels.hpp"

namespace tilewise::simd {
namespace {

constexpr std::int64_t kNoOffset = 0;

// Rough costs, to decide whether a loop is worth more than one thread.
constexpr double kPackNanoseconds = 0.5;
constexpr double kMultiplyAddNanoseconds = 0.02;

/// op(X)(i, j) = data[i * row_stride + j * column_stride]
struct Operand {
  const float* data;
  std::int64_t row_stride;
  std::int64_t column_stride;
};

Operand operand(Transpose transpose, const float* data, std::int64_t ld) {
  return transpose == Transpose::no ? Operand{data, ld, 1} : Operand{data, 1, ld};
}

void check_leading_dimension(const char* name, std::int64_t ld, std::int64_t row) {
  if (ld < std::max<std::int64_t>(1, row)) {
    throw ArgumentError(std::string("gemm: ") + name + " = " + std::to_string(ld) +
                        " is shorter than a row of " + std::to_string(row));
  }
}

void check(const GemmArgs& args) {
  if (args.m < 0 || args.n < 0 || args.k < 0) {
    throw ArgumentError("gemm: m, n, k = " + std::to_string(args.m) + ", " +
                        std::to_string(args.n) + ", " + std::to_string(args.k) +
                        " must not be negative");
  }
  check_leading_dimension("lda", args.lda, args.transpose_a == Transpose::no ? args.k : args.m);
  check_leading_dimension("ldb", args.ldb, args.transpose_b == Transpose::no ? args.n : args.k);
  check_leading_dimension("ldc", args.ldc, args.n);
}

/// C *= beta, the part of a product that BLAS defines for any beta; 0 overwrites NaN too.
void scale_rows(std::int64_t m, std::int64_t n, float beta, float* c, std::int64_t ldc) {
  for (std::int64_t i = 0; i < m; ++i, c += ldc) {
    for (std::int64_t j = 0; j < n; ++j) c[j] = beta == 0 ? 0.0F : beta * c[j];
  }
}

/// Packing A pays once each of its values is read for a few panels of B.
bool packs_a(const GemmBlocking& blocking, std::int64_t n) {
  return n > 3 * blocking.tile.columns;
}

/// One block of A, packed in tiles as they will be read: packed(k, m) for each tile of rows.
void pack_tiles(const EvenSplit& rows, std::int64_t k, const Operand& a, float* packed) {
  for (std::int64_t i = 0; i < rows.pieces; ++i) {
    const std::int64_t height = rows.size(i);
    const float* tile = a.data + rows.begin(i) * a.row_stride;
    for (std::int64_t p = 0; p < k; ++p, packed += height) {
      for (std::int64_t r = 0; r < height; ++r) {
        packed[r] = tile[r * a.row_stride + p * a.column_stride];
      }
    }
  }
}

/// The two innermost loops: C(m x n) += or = A(m x k) * packed panels of B.
void multiply_block(const KernelTable& kernels, const TileShape& tile, std::int64_t m,
                    std::int64_t n, std::int64_t k, const Operand& a, bool packed_a,
                    const float* b_panels, Epilogue epilogue, float* c, std::int64_t ldc) {
  const EvenSplit rows(m, tile.rows);
  for (std::int64_t first = 0; first < n; first += tile.columns) {
    TileArgs args{.b = b_panels + first * k,
                  .a_offsets = &kNoOffset,
                  .b_offsets = &kNoOffset,
                  .pairs = 1,
                  .k = k,
                  .ldb = tile.columns,
                  .ldc = ldc,
                  .columns = std::min(tile.columns, n - first),
                  .epilogue = epilogue};
    const std::int64_t vectors = ceil_div(args.columns, kernels.vector_floats);
    for (std::int64_t i = 0; i < rows.pieces; ++i) {
      const std::int64_t height = rows.size(i);
      args.a = a.data + rows.begin(i) * (packed_a ? k : a.row_stride);
      args.a_row_stride = packed_a ? 1 : a.row_stride;
      args.a_k_stride = packed_a ? height : a.column_stride;
      args.c = c + rows.begin(i) * ldc + first;
      kernels.tile[vectors - 1][height - 1](args);
    }
  }
}

}  // namespace

std::int64_t gemm_workspace(const KernelTable& kernels, int threads, std::int64_t m, std::int64_t n,
                            std::int64_t k) {
  const GemmBounds bounds = gemm_bounds(kernels, m, n, k);
  return round_up_to_line(bounds.b_floats) + threads * round_up_to_line(bounds.a_floats);
}

void gemm(const KernelTable& kernels, Executor& executor, const GemmArgs& args,
          Workspace workspace) {
  check(args);
  if (args.m == 0 || args.n == 0) return;
  if (args.k == 0 || args.alpha == 0) {
    scale_rows(args.m, args.n, args.beta, args.c, args.ldc);
    return;
  }
  const GemmBlocking blocking = choose_gemm_blocking(kernels, args.m, args.n, args.k);
  const TileShape& tile = blocking.tile;
  const Operand a = operand(args.transpose_a, args.a, args.lda);
  const Operand b = operand(args.transpose_b, args.b, args.ldb);
  const bool pack_a = packs_a(blocking, args.n);
  float* b_panels = workspace.take(blocking.kc * blocking.nc);
  const std::int64_t a_block_floats = pack_a ? round_up_to_line(blocking.mc * blocking.kc) : 0;
  float* a_blocks = workspace.take(executor.threads() * a_block_floats);

  const EvenSplit m_blocks(args.m, blocking.mc);
  for (std::int64_t jc = 0; jc < args.n; jc += blocking.nc) {
    const std::int64_t nc = std::min(blocking.nc, args.n - jc);
    const std::int64_t n_blocks = ceil_div(nc, blocking.nb);

    for (std::int64_t pc = 0; pc < args.k; pc += blocking.kc) {
      const std::int64_t kc = std::min(blocking.kc, args.k - pc);
      const bool first = pc == 0;

      const double pack_time = kPackNanoseconds * static_cast<double>(kc * nc);
      executor.parallel_for(n_blocks, pack_time, [&](std::int64_t block, int) {
        const std::int64_t from = block * blocking.nb;
        pack_panels(tile, kc, std::min(blocking.nb, nc - from), args.alpha,
                    b.data + pc * b.row_stride + (jc + from) * b.column_stride, b.row_stride,
                    b.column_stride, b_panels + from * kc);
      });

      const auto block_task = [&](std::int64_t task, int worker) {
        const std::int64_t ic = m_blocks.begin(task / n_blocks);
        const std::int64_t mc = m_blocks.size(task / n_blocks);
        const std::int64_t from = task % n_blocks * blocking.nb;
        const std::int64_t nb = std::min(blocking.nb, nc - from);
        float* c = args.c + ic * args.ldc + jc + from;

        Operand block{a.data + ic * a.row_stride + pc * a.column_stride, a.row_stride,
                      a.column_stride};
        if (pack_a) {
          float* packed = a_blocks + worker * a_block_floats;
          pack_tiles(EvenSplit(mc, tile.rows), kc, block, packed);
          block.data = packed;
        }
        if (first && args.beta != 0 && args.beta != 1) scale_rows(mc, nb, args.beta, c, args.ldc);
        const Epilogue epilogue = first && args.beta == 0 ? Epilogue::store : Epilogue::add;
        multiply_block(kernels, tile, mc, nb, kc, block, pack_a, b_panels + from * kc, epilogue, c,
                       args.ldc);
      };
      executor.parallel_for(m_blocks.pieces * n_blocks,
                            kMultiplyAddNanoseconds * static_cast<double>(args.m * nc * kc),
                            block_task);
    }
  }
}

}  // namespace tilewise::simd
