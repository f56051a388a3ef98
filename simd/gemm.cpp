#include "tilewise/simd/gemm.hpp"

#include <algorithm>
#include <string>

#include "tilewise/core/error.hpp"
#include "tilewise/simd/panels.hpp"

namespace tilewise::simd {
namespace {

constexpr std::int64_t kNoOffset = 0;

/// To decide whether a product is worth more than one thread.
constexpr double kMultiplyAddNanoseconds = 0.02;

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

/// One task: a block of C, computed in the memory of one thread.
class Block {
 public:
  Block(const GemmArgs& args, const GemmBlocking& blocking, std::int64_t row_block,
        std::int64_t panel_block, Workspace workspace)
      : kernels_(*blocking.kernels),
        args_(args),
        blocking_(blocking),
        i_(blocking.row_tiles.begin(row_block) * blocking.tile.rows),
        m_(std::min(args.m - i_, blocking.row_tiles.size(row_block) * blocking.tile.rows)),
        j_(blocking.panels.begin(panel_block) * blocking.tile.columns),
        n_(std::min(args.n - j_, blocking.panels.size(panel_block) * blocking.tile.columns)),
        packed_a_(workspace.take(blocking.a_floats())),
        packed_b_(workspace.take(blocking.b_floats())) {}

  void run() {
    if (args_.beta != 0 && args_.beta != 1) {
      scale_rows(m_, n_, args_.beta, args_.c + i_ * args_.ldc + j_, args_.ldc);
    }
    for (std::int64_t p = 0; p < args_.k; p += blocking_.kc) {
      const std::int64_t k = std::min(blocking_.kc, args_.k - p);
      const Epilogue epilogue = p == 0 && args_.beta == 0 ? Epilogue::store : Epilogue::add;
      pack_b(p, k);
      for (std::int64_t i = 0; i < m_; i += blocking_.mc) {
        multiply(i_ + i, std::min(blocking_.mc, m_ - i), p, k, epilogue);
      }
    }
  }

 private:
  /// The panels of B(p.., j_..) that are to be packed, and those that have to be: the micro-kernel reads
  /// whole vectors.
  void pack_b(std::int64_t p, std::int64_t k) {
    const std::int64_t columns = blocking_.tile.columns;
    in_place_ = blocking_.pack_b || args_.alpha != 1 ? 0 : n_ / columns * columns;
    if (in_place_ == n_) return;
    const bool transposed = args_.transpose_b == Transpose::yes;
    const std::int64_t j = j_ + in_place_;
    const float* const b = args_.b + (transposed ? j * args_.ldb + p : p * args_.ldb + j);
    float* const panels = packed_b_ + in_place_ * k;
    pack_panels(kernels_, blocking_.tile, k, n_ - in_place_, args_.transpose_b, b, args_.ldb, panels);
    if (args_.alpha != 1) {
      const std::int64_t size = packed_floats(blocking_.tile, k, n_ - in_place_);
      for (std::int64_t x = 0; x < size; ++x) panels[x] *= args_.alpha;
    }
  }

  /// C(i.., j_..) (epilogue) A(i.., p..) B(p.., j_..) for m rows.
  void multiply(std::int64_t i, std::int64_t m, std::int64_t p, std::int64_t k, Epilogue epilogue) {
    TileArgs tile{.a_offsets = &kNoOffset,
                  .b_offsets = &kNoOffset,
                  .pairs = 1,
                  .k = k,
                  .ldc = args_.ldc,
                  .epilogue = epilogue};
    set_a(i, m, p, tile);
    const EvenSplit tiles(m, blocking_.tile.rows);
    for (std::int64_t j = 0; j < n_; j += blocking_.tile.columns) {
      const bool packed = j >= in_place_;
      tile.b = packed ? packed_b_ + j * k : args_.b + p * args_.ldb + j_ + j;
      tile.ldb = packed ? blocking_.tile.columns : args_.ldb;
      tile.columns = std::min(blocking_.tile.columns, n_ - j);
      tile.c = args_.c + i * args_.ldc + j_ + j;
      multiply_panel(kernels_, tiles, tile);
    }
  }

  /// Points the tile at A(i.., p..), packed if that pays: row after row.
  void set_a(std::int64_t i, std::int64_t m, std::int64_t p, TileArgs& tile) {
    const bool transposed = args_.transpose_a == Transpose::yes;
    tile.a = args_.a + (transposed ? p * args_.lda + i : i * args_.lda + p);
    tile.a_row_stride = transposed ? 1 : args_.lda;
    tile.a_k_stride = transposed ? args_.lda : 1;
    if (!blocking_.pack_a) return;
    const std::int64_t row = blocking_.a_row_floats();
    if (transposed) {
      kernels_.transpose(tile.k, m, tile.a, args_.lda, packed_a_, row, 0);
    } else {
      kernels_.copy_matrix(m, tile.k, tile.a, args_.lda, packed_a_, row, 0);
    }
    tile.a = packed_a_;
    tile.a_row_stride = row;
    tile.a_k_stride = 1;
  }

  const KernelTable& kernels_;
  const GemmArgs& args_;
  const GemmBlocking& blocking_;
  std::int64_t i_, m_, j_, n_;
  float* packed_a_;
  float* packed_b_;
  std::int64_t in_place_ = 0;  ///< columns of B that are used where they are
};

}  // namespace

std::int64_t gemm_workspace(const KernelTable& kernels, int threads, std::int64_t m, std::int64_t n,
                            std::int64_t k) {
  return threads * gemm_block_bound(kernels, m, n, k);
}

void gemm(const KernelTable& kernels, Executor& executor, const GemmArgs& args,
          Workspace workspace) {
  check(args);
  if (args.m == 0 || args.n == 0) return;
  if (args.k == 0 || args.alpha == 0) {
    scale_rows(args.m, args.n, args.beta, args.c, args.ldc);
    return;
  }
  const GemmBlocking blocking = choose_gemm_blocking(
      kernels,
      {.transpose_a = args.transpose_a,
       .transpose_b = args.transpose_b,
       .m = args.m,
       .n = args.n,
       .k = args.k,
       .lda = args.lda},
      executor.threads());
  const std::int64_t floats = blocking.a_floats() + blocking.b_floats();
  float* const memory = workspace.take(executor.threads() * floats);
  const double work = static_cast<double>(args.m * args.n) * static_cast<double>(args.k);
  executor.parallel_for(blocking.row_tiles.pieces * blocking.panels.pieces, kMultiplyAddNanoseconds * work,
                        [&](std::int64_t task, int worker) {
                          Block(args, blocking, task / blocking.panels.pieces,
                                task % blocking.panels.pieces,
                                Workspace(memory + worker * floats, floats)).run();
                        });
}

}  // namespace tilewise::simd
