#include "tilewise/simd/gemm_blocked.hpp"

#include <algorithm>

#include "tilewise/simd/panels.hpp"

namespace tilewise::simd {
namespace {

class Block {
 public:
  Block(const GemmArgs& args, const GemmBlocking& blocking, std::int64_t row_block,
        std::int64_t panel_block, Workspace workspace)
      : kernels_(*blocking.kernels),
        args_(args),
        blocking_(blocking),
        i_(blocking.rows.begin(row_block)),
        m_(std::min(args.m - i_, blocking.rows.size(row_block))),
        j_(blocking.panels.begin(panel_block) * blocking.tile.columns),
        n_(std::min(args.n - j_, blocking.panels.size(panel_block) * blocking.tile.columns)),
        in_place_(may_use_in_place() ? in_whole_panels(n_, blocking.tile.columns) : 0),
        packed_a_(workspace.take(blocking.a_floats())),
        packed_b_(workspace.take(blocking.b_floats())) {}

  void run() {
    if (args_.beta != 0 && args_.beta != 1) {
      scale_rows(m_, n_, args_.beta, args_.c + i_ * args_.ldc + j_, args_.ldc);
    }
    for (std::int64_t p = 0; p < args_.k; p += blocking_.kc) {
      const std::int64_t k = std::min(blocking_.kc, args_.k - p);
      const Epilogue epilogue = p == 0 && args_.beta == 0 ? Epilogue::store : Epilogue::add;
      if (blocking_.pack_b != PackB::panel_by_panel) {
        pack_b(p, k, in_place_, n_ - in_place_, packed_b_ + in_place_ * k);
      }
      for (std::int64_t i = 0; i < m_; i += blocking_.mc) {
        multiply(i, std::min(blocking_.mc, m_ - i), p, k, epilogue);
      }
    }
  }

 private:
  /// Those of n columns that are in whole panels; of one panel without a division.
  static std::int64_t in_whole_panels(std::int64_t n, std::int64_t panel) {
    return n == panel ? n : n - n % panel;
  }

  /// Whether the micro-kernel, which reads whole vectors, takes whole panels of B from where they are.
  bool may_use_in_place() const {
    return (blocking_.pack_b == PackB::never || blocking_.pack_b == PackB::on_the_way) && args_.alpha == 1;
  }

  /// Packs n columns of B(p.., j_ + j..), times alpha.
  void pack_b(std::int64_t p, std::int64_t k, std::int64_t j, std::int64_t n, float* panels) {
    if (n == 0) return;
    const bool transposed = args_.transpose_b == Transpose::yes;
    const float* const b = args_.b + (transposed ? (j_ + j) * args_.ldb + p : p * args_.ldb + j_ + j);
    pack_panels(kernels_, blocking_.tile, k, n, args_.transpose_b, b, args_.ldb, panels);
    if (args_.alpha != 1) {
      const std::int64_t size = packed_floats(blocking_.tile, k, n);
      for (std::int64_t x = 0; x < size; ++x) panels[x] *= args_.alpha;
    }
  }

  /// C(i_ + i.., j_..) (epilogue) A(i_ + i.., p..) B(p.., j_..) for m rows.
  void multiply(std::int64_t i, std::int64_t m, std::int64_t p, std::int64_t k, Epilogue epilogue) {
    const PlacedA a = place_a(i_ + i, m, p, k);
    for (std::int64_t j = 0; j < n_; j += blocking_.tile.columns) {
      const std::int64_t columns = std::min(blocking_.tile.columns, n_ - j);
      const PlacedB b = place_b(i, j, columns, p, k);
      TileArgs tile{.a = a.first,
                    .b = b.first,
                    .c = args_.c + (i_ + i) * args_.ldc + j_ + j,
                    .a_offsets = &kNoOffset,
                    .b_offsets = &kNoOffset,
                    .pairs = 1,
                    .k = k,
                    .a_row_stride = a.row_stride,
                    .a_k_stride = a.k_stride,
                    .ldb = b.row_stride,
                    .ldc = args_.ldc,
                    .columns = columns,
                    .b_rows = b.rows,
                    .fetches_a = blocking_.fetch_a,
                    .packed_b = b.packed,
                    .epilogue = epilogue};
      const PanelTile panel = blocking_.panel_tile(columns);
      multiply_panel(panel.kernels, EvenSplit(m, panel.rows), tile);
    }
  }

  struct PlacedB {
    const float* first;
    std::int64_t row_stride;
    BRows rows;
    float* packed;
  };

  /// Where to read the panel B(p.., j_ + j..) for rows i_ + i.. of C, and to pack it meanwhile.
  PlacedB place_b(std::int64_t i, std::int64_t j, std::int64_t columns, std::int64_t p, std::int64_t k) {
    const bool packs = blocking_.pack_b == PackB::on_the_way;
    const bool by_panel = blocking_.pack_b == PackB::panel_by_panel;
    // A panel packed on the way that only these rows read gives its place in cache to the next.
    float* const packed = packed_b_ + (by_panel || (j < in_place_ && m_ <= blocking_.mc) ? 0 : j * k);
    if (j < in_place_ && (i == 0 || !packs)) {
      const BRows rows = packs ? BRows::packing : i == 0 ? BRows::far : BRows::near;
      return {args_.b + p * args_.ldb + j_ + j, args_.ldb, rows, packed};
    }
    if (by_panel) pack_b(p, k, j, columns, packed);
    return {packed, blocking_.tile.columns, BRows::near, packed};
  }

  struct PlacedA {
    const float* first;
    std::int64_t row_stride, k_stride;
  };

  /// Where to read m rows of A(i.., p..): there, or packed if that pays, row after row.
  PlacedA place_a(std::int64_t i, std::int64_t m, std::int64_t p, std::int64_t k) {
    const bool transposed = args_.transpose_a == Transpose::yes;
    const float* const a = args_.a + (transposed ? p * args_.lda + i : i * args_.lda + p);
    if (!blocking_.pack_a) return {a, transposed ? 1 : args_.lda, transposed ? args_.lda : 1};
    const std::int64_t row = blocking_.a_row_floats();
    if (transposed) {
      kernels_.transpose(k, m, a, args_.lda, packed_a_, row, 0);
    } else {
      kernels_.copy_matrix(m, k, a, args_.lda, packed_a_, row, 0);
    }
    return {packed_a_, row, 1};
  }

  const KernelTable& kernels_;
  const GemmArgs& args_;
  const GemmBlocking& blocking_;
  std::int64_t i_, m_, j_, n_;
  std::int64_t in_place_;  ///< columns of B that are used where they are
  float* packed_a_;
  float* packed_b_;
};

}  // namespace

void scale_rows(std::int64_t m, std::int64_t n, float beta, float* c, std::int64_t ldc) {
  for (std::int64_t i = 0; i < m; ++i, c += ldc) {
    for (std::int64_t j = 0; j < n; ++j) c[j] = beta == 0 ? 0.0F : beta * c[j];
  }
}

GemmShape gemm_shape(const GemmArgs& args) {
  return {args.transpose_a, args.transpose_b, args.m, args.n, args.k, args.lda, args.ldb};
}

void multiply_gemm_block(const GemmArgs& args, const GemmBlocking& blocking, std::int64_t row_block,
                         std::int64_t panel_block, Workspace workspace) {
  Block(args, blocking, row_block, panel_block, workspace).run();
}

void gemm_blocked(const KernelTable& kernels, Executor& executor, const GemmArgs& args, Workspace workspace) {
  const GemmBlocking blocking = choose_gemm_blocking(kernels, gemm_shape(args), executor.threads());
  const std::int64_t floats = blocking.a_floats() + blocking.b_floats();
  float* const memory = workspace.take(executor.threads() * floats);
  const double work = gemm_multiply_adds(args.m, args.n, args.k);
  const std::int64_t panels = blocking.panels.pieces, tasks = blocking.rows.pieces * panels;
  executor.parallel_for(tasks, kMultiplyAddNanoseconds * work, [&](std::int64_t task, int worker) {
    const std::int64_t row_block = panels == 1 ? task : task / panels;
    multiply_gemm_block(args, blocking, row_block, task - row_block * panels,
                        Workspace(memory + worker * floats, floats));
  });
}

}  // namespace tilewise::simd
