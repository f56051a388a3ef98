// The kernels that move memory rather than multiply.

#include <algorithm>

#include "bench/bandwidth.hpp"
#include "bench/libraries/tilewise.hpp"

namespace tilewise::bench {
namespace {

/// What kernels work on that take vectors, or matrices row by row. Operands a and b are given, the
/// rest starts as 0.
struct Arrays {
  Arrays(const Case& c, Executor& on, const MatrixProblem& size)
      : executor(on),
        rows(size.rows),
        columns(size.columns),
        bytes(c.bytes),
        a(operand_buffer(c, 0, size.size())),
        b(operand_buffer(c, 1, size.size())),
        m(size.size()),
        v(size.size()),
        out(size.size()),
        labels(rows) {}

  Executor& executor;
  std::int64_t rows, columns;
  double bytes;
  Buffer a, b, m, v, out;
  AlignedBuffer<std::int32_t> labels;
};

/// Calls body(first element, rows) for pieces of the arrays, on all threads.
template <class Body>
void for_each_piece(Arrays& x, Body body) {
  const std::int64_t rows = std::max<std::int64_t>(1, kPiece / x.columns);
  x.executor.parallel_for((x.rows + rows - 1) / rows, 0.05 * x.bytes, [&](std::int64_t piece, int) {
    const std::int64_t first = piece * rows;
    body(first * x.columns, std::min(rows, x.rows - first));
  });
}

void add(Arrays& x) {
  for_each_piece(x, [&](std::int64_t at, std::int64_t n) {
    kernels().add(n, x.a.data() + at, x.out.data() + at);
  });
}

void copy_matrix(Arrays& x) {
  kernels().copy_matrix(x.rows, x.columns, x.a.data(), x.columns, x.out.data(), x.columns, 0);
}

void transpose(Arrays& x) {
  kernels().transpose(x.rows, x.columns, x.a.data(), x.columns, x.out.data(), x.rows, 0);
}

void add_windows(Arrays& x) {
  kernels().add_windows(x.rows, 1, x.columns, x.a.data(), x.columns, x.out.data(), x.columns, 0);
}

void relu_forward(Arrays& x) {
  for_each_piece(x, [&](std::int64_t at, std::int64_t n) {
    kernels().relu_forward(n, x.a.data() + at, x.out.data() + at);
  });
}

void relu_backward(Arrays& x) {
  for_each_piece(x, [&](std::int64_t at, std::int64_t n) {
    kernels().relu_backward(n, x.a.data() + at, x.b.data() + at, x.out.data() + at);
  });
}

void dropout(Arrays& x) {
  for_each_piece(x, [&](std::int64_t at, std::int64_t n) {
    kernels().dropout(kDropout, at, n, x.a.data() + at, x.out.data() + at);
  });
}

void dropout_backward(Arrays& x) {
  for_each_piece(x, [&](std::int64_t at, std::int64_t n) {
    kernels().dropout_backward(kDropout.scale, n, x.a.data() + at, x.b.data() + at, x.out.data() + at);
  });
}

void adam_update(Arrays& x) {
  for_each_piece(x, [&](std::int64_t at, std::int64_t n) {
    kernels().adam_update(kAdam, n, x.a.data() + at, x.m.data() + at, x.v.data() + at,
                          x.out.data() + at);
  });
}

void sgd_update(Arrays& x) {
  for_each_piece(x, [&](std::int64_t at, std::int64_t n) {
    kernels().sgd_update(kSgd, n, x.a.data() + at, x.v.data() + at, x.out.data() + at);
  });
}

void rmsprop_update(Arrays& x) {
  for_each_piece(x, [&](std::int64_t at, std::int64_t n) {
    kernels().rmsprop_update(kRmsprop, n, x.a.data() + at, x.v.data() + at, nullptr, nullptr,
                             x.out.data() + at);
  });
}

void add_scaled(Arrays& x) {
  for_each_piece(x, [&](std::int64_t at, std::int64_t n) {
    kernels().add_scaled(n, kFactor, x.a.data() + at, x.out.data() + at);
  });
}

void scale_and_clip(Arrays& x) {
  for_each_piece(x, [&](std::int64_t at, std::int64_t n) {
    kernels().scale_and_clip(n, kFactor, kLimit, x.a.data() + at, x.out.data() + at);
  });
}

void sum_squares(Arrays& x) {
  x.out[0] = static_cast<float>(kernels().sum_squares(x.rows * x.columns, x.a.data()));
}

void all_finite(Arrays& x) {
  x.out[0] = kernels().all_finite(x.rows * x.columns, x.a.data()) ? 1.0F : 0.0F;
}

void moving_average(Arrays& x) {
  for_each_piece(x, [&](std::int64_t at, std::int64_t n) {
    kernels().moving_average(kAverageMomentum, n, x.a.data() + at, x.out.data() + at);
  });
}

// Rows of a and b stand in for what each column has, as in expected_result().
void scale_shift(Arrays& x) {
  for_each_piece(x, [&](std::int64_t at, std::int64_t rows) {
    kernels().scale_shift(rows, x.columns, x.b.data(), x.a.data(), x.a.data() + at, x.out.data() + at);
  });
}

void batch_norm_backward(Arrays& x) {
  const simd::BatchNormFactors factors{
      .center = x.a.data(), .scale = x.b.data(), .slope = x.a.data(), .offset = x.b.data()};
  for_each_piece(x, [&](std::int64_t at, std::int64_t rows) {
    kernels().batch_norm_backward(rows, x.columns, factors, x.a.data() + at, x.b.data() + at,
                                  x.out.data() + at);
  });
}

void softmax(Arrays& x) {
  for_each_piece(x, [&](std::int64_t at, std::int64_t rows) {
    kernels().softmax(rows, x.columns, x.a.data() + at, x.out.data() + at);
  });
}

void softmax_backward(Arrays& x) {
  for_each_piece(x, [&](std::int64_t at, std::int64_t rows) {
    kernels().softmax_backward(rows, x.columns, x.a.data() + at, x.b.data() + at, x.out.data() + at);
  });
}

template <auto kernel>
void loss(Arrays& x) {
  for_each_piece(x, [&](std::int64_t at, std::int64_t rows) {
    const std::int64_t row = at / x.columns;
    (kernels().*kernel)({.rows = rows,
                         .columns = x.columns,
                         .outputs = x.a.data() + at,
                         .labels = x.labels.data() + row,
                         .losses = x.v.data() + row,
                         .d_outputs = x.out.data() + at});
  });
}

class ArrayKernel final : public Contender {
 public:
  using Kernel = void (*)(Arrays& arrays);
  ArrayKernel(const Case& c, Executor& executor, const MatrixProblem& size, Kernel kernel)
      : kernel_(kernel), arrays_(c, executor, size) {}

  void run() override { kernel_(arrays_); }
  std::vector<float> result() override { return copy(arrays_.out); }

 private:
  Kernel kernel_;
  Arrays arrays_;
};

template <ArrayKernel::Kernel kernel>
std::unique_ptr<Contender> prepare_vector(const Case& c, Executor& executor) {
  const MatrixProblem size{.rows = std::get<VectorProblem>(c.shape.problem).n, .columns = 1};
  return std::make_unique<ArrayKernel>(c, executor, size, kernel);
}

template <ArrayKernel::Kernel kernel>
std::unique_ptr<Contender> prepare_matrix(const Case& c, Executor& executor) {
  return std::make_unique<ArrayKernel>(c, executor, std::get<MatrixProblem>(c.shape.problem), kernel);
}

/// On one thread, as layers call it: of one image.
class BiasGradient final : public Contender {
 public:
  BiasGradient(const Case& c, Executor&)
      : problem_(std::get<MatrixProblem>(c.shape.problem)),
        d_dst_(operand_buffer(c, 0, problem_.size())),
        d_bias_(problem_.columns) {}

  void run() override {
    kernels().bias_gradient(problem_.rows, problem_.columns, d_dst_.data(), d_bias_.data());
  }
  std::vector<float> result() override { return copy(d_bias_); }

 private:
  MatrixProblem problem_;
  Buffer d_dst_, d_bias_;
};

/// Two sums of each column; on one thread, as layers call it: of a block.
class ColumnSums final : public Contender {
 public:
  ColumnSums(const Case& c, Executor&)
      : gradients_(c.operation == "batch_norm_sums"),
        problem_(std::get<MatrixProblem>(c.shape.problem)),
        src_(operand_buffer(c, 0, problem_.size())),
        d_dst_(operand_buffer(c, 1, problem_.size())),
        sums_(2 * problem_.columns) {}

  void run() override {
    const auto [rows, columns] = problem_;
    float* const first = sums_.data();
    if (gradients_) {
      kernels().batch_norm_sums(rows, columns, src_.data(), src_.data(), d_dst_.data(), first,
                                first + columns);
    } else {
      kernels().column_deviations(rows, columns, src_.data(), src_.data(), first, first + columns);
    }
  }
  std::vector<float> result() override { return copy(sums_); }

 private:
  bool gradients_;
  MatrixProblem problem_;
  Buffer src_, d_dst_, sums_;
};

class Fir final : public Contender {
 public:
  Fir(const Case& c, Executor& executor)
      : executor_(executor),
        bytes_(c.bytes),
        n_(std::get<VectorProblem>(c.shape.problem).n),
        src_(operand_buffer(c, 0, n_ + kFirTaps - 1)),
        weights_(operand_buffer(c, 1, kFirTaps)),
        dst_(n_) {}

  void run() override {
    executor_.parallel_for((n_ + kPiece - 1) / kPiece, 0.2 * bytes_, [&](std::int64_t piece, int) {
      const std::int64_t at = piece * kPiece;
      kernels().fir(std::min(kPiece, n_ - at), kFirTaps, weights_.data(), src_.data() + at, 1,
                    dst_.data() + at);
    });
  }
  std::vector<float> result() override { return copy(dst_); }

 private:
  Executor& executor_;
  double bytes_;
  std::int64_t n_;
  Buffer src_, weights_, dst_;
};

template <class T>
std::unique_ptr<Contender> prepare(const Case& c, Executor& executor) {
  return std::make_unique<T>(c, executor);
}

/// The operation that times each kernel; without one for every kernel this does not compile.
struct OperationOf {
  static constexpr const char* add = "add";
  static constexpr const char* copy_matrix = "copy_matrix";
  static constexpr const char* transpose = "transpose";
  static constexpr const char* add_windows = "add_windows";
  static constexpr const char* conv_pool = "pooled_conv_forward";
  static constexpr const char* conv_short = "conv_forward";
  static constexpr const char* conv_short_weights = "conv_backward_weights";
  static constexpr const char* conv_pool_weights = "pooled_conv_backward_weights";
  static constexpr const char* dots = "gemm";
  static constexpr const char* add_rows = "gemm";
  static constexpr const char* add_sparse = "pooled_conv_backward_data";
  static constexpr const char* list_picked = "pooled_conv_backward_data";
  static constexpr const char* winograd_blank = "conv_forward";
  static constexpr const char* winograd_src = "conv_forward";
  static constexpr const char* winograd_dst = "conv_forward";
  static constexpr const char* winograd_d_dst = "conv_backward_weights";
  static constexpr const char* winograd_d_filters = "conv_backward_weights";
  static constexpr const char* winograd_filters = nullptr;  // packs filters, which is off the clock
  static constexpr const char* scale_bytes = "batch_assembly";
  static constexpr const char* warp = "warp";
  static constexpr const char* fir = "fir";
  static constexpr const char* relu_forward = "relu_forward";
  static constexpr const char* relu_backward = "relu_backward";
  static constexpr const char* pointwise_forward = "gelu_forward";  // tilewise_pointwise.cpp
  static constexpr const char* pointwise_backward = "gelu_backward";
  static constexpr const char* bias_gradient = "bias_gradient";
  static constexpr const char* column_deviations = "column_deviations";
  static constexpr const char* scale_shift = "scale_shift";
  static constexpr const char* batch_norm_sums = "batch_norm_sums";
  static constexpr const char* batch_norm_backward = "batch_norm_backward";
  static constexpr const char* depthwise = "depthwise_forward";
  static constexpr const char* depthwise_weights = "depthwise_backward_weights";
  static constexpr const char* max_pool_forward = "max_pool_forward";
  static constexpr const char* max_pool_backward = "max_pool_backward";
  static constexpr const char* average_pool_forward = "average_pool_forward";
  static constexpr const char* average_pool_backward = "average_pool_backward";
  static constexpr const char* dropout = "dropout";
  static constexpr const char* dropout_backward = "dropout_backward";
  static constexpr const char* softmax = "softmax";
  static constexpr const char* softmax_backward = "softmax_backward";
  static constexpr const char* softmax_cross_entropy = "softmax_cross_entropy";
  static constexpr const char* mean_squared_error = "mean_squared_error";
  static constexpr const char* add_scaled = "add_scaled";
  static constexpr const char* scale_and_clip = "scale_and_clip";
  static constexpr const char* sum_squares = "sum_squares";
  static constexpr const char* all_finite = "all_finite";
  static constexpr const char* adam_update = "adam_update";
  static constexpr const char* sgd_update = "sgd_update";
  static constexpr const char* rmsprop_update = "rmsprop_update";
  static constexpr const char* moving_average = "moving_average";
  static constexpr const char* fma_peak = nullptr;  // measured beside every case
};
#define TILEWISE_CHECK(name, result, parameters) static_assert(&OperationOf::name != nullptr);
TILEWISE_KERNELS(TILEWISE_CHECK)
#undef TILEWISE_CHECK

}  // namespace

std::map<std::string, Prepare> memory_operations() {
  using Of = OperationOf;
  return {{Of::add, prepare_vector<add>},
          {Of::copy_matrix, prepare_matrix<copy_matrix>},
          {Of::transpose, prepare_matrix<transpose>},
          {Of::add_windows, prepare_matrix<add_windows>},
          {Of::relu_forward, prepare_vector<relu_forward>},
          {Of::relu_backward, prepare_vector<relu_backward>},
          {Of::dropout, prepare_vector<dropout>},
          {Of::dropout_backward, prepare_vector<dropout_backward>},
          {Of::adam_update, prepare_vector<adam_update>},
          {Of::add_scaled, prepare_vector<add_scaled>},
          {Of::scale_and_clip, prepare_vector<scale_and_clip>},
          {Of::sum_squares, prepare_vector<sum_squares>},
          {Of::all_finite, prepare_vector<all_finite>},
          {Of::sgd_update, prepare_vector<sgd_update>},
          {Of::rmsprop_update, prepare_vector<rmsprop_update>},
          {Of::moving_average, prepare_vector<moving_average>},
          {Of::softmax, prepare_matrix<softmax>},
          {Of::softmax_backward, prepare_matrix<softmax_backward>},
          {Of::softmax_cross_entropy,
           prepare_matrix<loss<&simd::KernelTable::softmax_cross_entropy>>},
          {Of::mean_squared_error, prepare_matrix<loss<&simd::KernelTable::mean_squared_error>>},
          {Of::bias_gradient, prepare<BiasGradient>},
          {Of::column_deviations, prepare<ColumnSums>},
          {Of::scale_shift, prepare_matrix<scale_shift>},
          {Of::batch_norm_sums, prepare<ColumnSums>},
          {Of::batch_norm_backward, prepare_matrix<batch_norm_backward>},
          {Of::max_pool_forward, pool},
          {Of::max_pool_backward, pool},
          {Of::average_pool_forward, pool},
          {Of::average_pool_backward, pool},
          {Of::scale_bytes, batch_assembly},
          {Of::warp, warp},
          {Of::fir, prepare<Fir>}};
}

}  // namespace tilewise::bench
