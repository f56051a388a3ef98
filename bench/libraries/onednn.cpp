// oneDNN, versions 2 and 3. Tensors are logically (n, c, h, w), filters (oc, ic, kh, kw), as oneDNN
// wants; their layouts in memory are of its own choosing, and converting them takes none of its time.

#include <oneapi/dnnl/dnnl.hpp>

#if DNNL_CPU_RUNTIME == DNNL_RUNTIME_OMP
#include <omp.h>
#elif DNNL_CPU_RUNTIME == DNNL_RUNTIME_TBB
#include <oneapi/tbb/task_arena.h>
#endif

#include <map>
#include <unordered_map>

#include "bench/library.hpp"
#include "tilewise/simd/winograd_tiles.hpp"

namespace tilewise::bench {
namespace {

using dnnl::algorithm;
using dnnl::memory;
using dnnl::prop_kind;
using Dims = memory::dims;
using Desc = memory::desc;
using Tag = memory::format_tag;

constexpr auto kF32 = memory::data_type::f32;

/// The number of threads of what is run inside.
#if DNNL_CPU_RUNTIME == DNNL_RUNTIME_OMP
class Threads {
 public:
  explicit Threads(int threads) : threads_(threads) {}
  template <class Body>
  void run(Body body) {
    omp_set_num_threads(threads_);
    body();
  }

 private:
  int threads_;
};
#elif DNNL_CPU_RUNTIME == DNNL_RUNTIME_TBB
class Threads {
 public:
  explicit Threads(int threads) : arena_(threads) {}
  template <class Body>
  void run(Body body) {
    arena_.execute(body);
  }

 private:
  tbb::task_arena arena_;
};
#else
#error "this oneDNN's threads cannot be set: expected one built for OpenMP or oneTBB"
#endif

const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

// Version 3 makes the description of a primitive in one step, version 2 in two.
template <class Primitive, class... Args>
auto describe(const Args&... args) {
#if DNNL_VERSION_MAJOR >= 3
  return typename Primitive::primitive_desc(engine(), args...);
#else
  return typename Primitive::primitive_desc(typename Primitive::desc(args...), engine());
#endif
}

template <class Primitive, class Forward, class... Args>
auto describe_backward(const Forward& forward, const Args&... args) {
#if DNNL_VERSION_MAJOR >= 3
  return typename Primitive::primitive_desc(engine(), args..., forward);
#else
  return typename Primitive::primitive_desc(typename Primitive::desc(args...), engine(), forward);
#endif
}

/// A primitive and its operands; derived classes set them up.
class Primitive : public Contender {
 public:
  Primitive(const Case& c, int threads) : case_(c), threads_(threads), stream_(engine()) {}

  void run() override {
    threads_.run([&] { primitive_.execute(stream_, arguments_); });
    stream_.wait();
  }

  std::vector<float> result() override {
    memory plain(plain_result_, engine());
    reorder(result_, plain);
    const auto* data = static_cast<const float*>(plain.get_data_handle());
    return {data, data + plain_result_.get_size() / sizeof(float)};
  }

 protected:
  /// Operand `which` of the case, which is `plain` in memory, in the layout that the primitive wants.
  memory input(int which, const Desc& plain, const Desc& wanted) {
    const auto size = static_cast<std::int64_t>(plain.get_size() / sizeof(float));
    std::vector<float> values = operand(case_, which, size);
    memory from(plain, engine(), values.data());
    memory to(wanted, engine());
    reorder(from, to);
    return to;
  }

  /// Memory for the result, which is to be read as `plain`.
  memory output(const Desc& plain, const Desc& chosen) {
    plain_result_ = plain;
    return result_ = memory(chosen, engine());
  }

  void set(const dnnl::primitive& primitive, std::unordered_map<int, memory> arguments) {
    primitive_ = primitive;
    arguments_ = std::move(arguments);
  }

 private:
  void reorder(memory& from, memory& to) {
    threads_.run([&] { dnnl::reorder(from, to).execute(stream_, from, to); });
    stream_.wait();
  }

  const Case& case_;
  Threads threads_;
  dnnl::stream stream_;
  dnnl::primitive primitive_;
  std::unordered_map<int, memory> arguments_;
  memory result_;
  Desc plain_result_;
};

/// A, B and C stay as they are: packing B is part of a product's time in every library.
class Gemm final : public Primitive {
 public:
  Gemm(const Case& c, int threads) : Primitive(c, threads) {
    const auto& p = std::get<GemmProblem>(c.shape.problem);
    const auto tag = [](simd::Transpose t) { return t == simd::Transpose::no ? Tag::ab : Tag::ba; };
    const Desc a({p.m, p.k}, kF32, tag(p.transpose_a));
    const Desc b({p.k, p.n}, kF32, tag(p.transpose_b));
    const Desc result({p.m, p.n}, kF32, Tag::ab);
    set(dnnl::matmul(describe<dnnl::matmul>(a, b, result)),
        {{DNNL_ARG_SRC, input(0, a, a)},
         {DNNL_ARG_WEIGHTS, input(1, b, b)},
         {DNNL_ARG_DST, output(result, result)}});
  }
};

/// Geometry of a convolution as oneDNN wants it.
struct ConvDims {
  explicit ConvDims(const ConvProblem& p)
      : src{p.batch, p.shape.ic, p.shape.ih, p.shape.iw},
        wei{p.shape.oc, p.shape.ic, p.shape.kh, p.shape.kw},
        bias{p.shape.oc},
        dst{p.batch, p.shape.oc, p.shape.oh(), p.shape.ow()},
        strides{p.shape.stride_h, p.shape.stride_w},
        dilation{p.shape.dilation_h - 1, p.shape.dilation_w - 1},
        begin{p.shape.pad_top, p.shape.pad_left},
        end{p.shape.pad_bottom, p.shape.pad_right} {}

  Desc any(const Dims& dims) const { return {dims, kF32, Tag::any}; }
  Desc plain_src() const { return {src, kF32, Tag::nhwc}; }
  Desc plain_wei() const { return {wei, kF32, Tag::hwio}; }
  Desc plain_dst() const { return {dst, kF32, Tag::nhwc}; }
  Desc plain_bias() const { return {bias, kF32, Tag::x}; }

  auto forward(algorithm how) const {
    return describe<dnnl::convolution_forward>(prop_kind::forward_training,
                                               how, any(src), any(wei), any(bias), any(dst), strides,
                                               dilation, begin, end);
  }

  Dims src, wei, bias, dst, strides, dilation, begin, end;
};

template <algorithm kHow>
class ConvForward final : public Primitive {
 public:
  ConvForward(const Case& c, int threads) : Primitive(c, threads) {
    const ConvDims d(std::get<ConvProblem>(c.shape.problem));
    const auto conv = d.forward(kHow);
    set(dnnl::convolution_forward(conv),
        {{DNNL_ARG_SRC, input(0, d.plain_src(), conv.src_desc())},
         {DNNL_ARG_WEIGHTS, input(1, d.plain_wei(), conv.weights_desc())},
         {DNNL_ARG_BIAS, input(2, d.plain_bias(), conv.bias_desc())},
         {DNNL_ARG_DST, output(d.plain_dst(), conv.dst_desc())}});
  }
};

template <algorithm kHow>
class ConvBackwardData final : public Primitive {
 public:
  ConvBackwardData(const Case& c, int threads) : Primitive(c, threads) {
    const ConvDims d(std::get<ConvProblem>(c.shape.problem));
    const auto conv = describe_backward<dnnl::convolution_backward_data>(
        d.forward(kHow), kHow, d.any(d.src), d.any(d.wei), d.any(d.dst),
        d.strides, d.dilation, d.begin, d.end);
    set(dnnl::convolution_backward_data(conv),
        {{DNNL_ARG_DIFF_DST, input(3, d.plain_dst(), conv.diff_dst_desc())},
         {DNNL_ARG_WEIGHTS, input(1, d.plain_wei(), conv.weights_desc())},
         {DNNL_ARG_DIFF_SRC, output(d.plain_src(), conv.diff_src_desc())}});
  }
};

template <algorithm kHow>
class ConvBackwardWeights final : public Primitive {
 public:
  ConvBackwardWeights(const Case& c, int threads) : Primitive(c, threads) {
    const ConvDims d(std::get<ConvProblem>(c.shape.problem));
    const auto conv = describe_backward<dnnl::convolution_backward_weights>(
        d.forward(kHow), kHow, d.any(d.src), d.any(d.wei), d.any(d.dst),
        d.strides, d.dilation, d.begin, d.end);
    set(dnnl::convolution_backward_weights(conv),
        {{DNNL_ARG_SRC, input(0, d.plain_src(), conv.src_desc())},
         {DNNL_ARG_DIFF_DST, input(3, d.plain_dst(), conv.diff_dst_desc())},
         {DNNL_ARG_DIFF_WEIGHTS, output(d.plain_wei(), conv.diff_weights_desc())}});
  }
};

/// Both passes; the backward one needs what the forward one noted of the maxima.
class MaxPool final : public Primitive {
 public:
  MaxPool(const Case& c, int threads) : Primitive(c, threads) {
    const auto& p = std::get<MaxPoolProblem>(c.shape.problem);
    const simd::PoolGeometry& g = p.geometry;
    const Dims src_dims{p.batch, g.channels, g.ih, g.iw}, dst_dims{p.batch, g.channels, g.oh, g.ow};
    const Dims strides{g.stride_h, g.stride_w}, kernel{g.kh, g.kw};
    const Dims begin{g.pad_top, g.pad_left};
    const Dims end{(g.oh - 1) * g.stride_h + g.kh - g.ih - g.pad_top,
                   (g.ow - 1) * g.stride_w + g.kw - g.iw - g.pad_left};
    // The layouts that its convolutions choose; pooling takes what it gets.
    const std::int64_t lanes = simd::default_kernels().vector_floats;
    const Tag tag = g.channels % lanes != 0 ? Tag::nhwc : lanes == 16 ? Tag::nChw16c : Tag::nChw8c;
    const Desc src(src_dims, kF32, tag), dst(dst_dims, kF32, tag);
    const Desc plain_src(src_dims, kF32, Tag::nhwc), plain_dst(dst_dims, kF32, Tag::nhwc);

    constexpr auto kTraining = prop_kind::forward_training;
    constexpr auto kMax = algorithm::pooling_max;
#if DNNL_VERSION_MAJOR >= 3
    const Dims dilation{0, 0};
    const auto pool = describe<dnnl::pooling_forward>(kTraining, kMax, src, dst, strides, kernel,
                                                      dilation, begin, end);
    const auto back = describe_backward<dnnl::pooling_backward>(pool, kMax, src, dst, strides,
                                                                kernel, dilation, begin, end);
#else
    const auto pool = describe<dnnl::pooling_forward>(kTraining, kMax, src, dst, strides, kernel,
                                                      begin, end);
    const auto back = describe_backward<dnnl::pooling_backward>(pool, kMax, src, dst, strides,
                                                                kernel, begin, end);
#endif
    memory notes(pool.workspace_desc(), engine());
    const bool forward = c.operation == "max_pool_forward";
    set(dnnl::pooling_forward(pool), {{DNNL_ARG_SRC, input(0, plain_src, src)},
                                      {DNNL_ARG_DST, output(plain_dst, dst)},
                                      {DNNL_ARG_WORKSPACE, notes}});
    if (forward) return;
    run();
    set(dnnl::pooling_backward(back), {{DNNL_ARG_DIFF_DST, input(1, plain_dst, dst)},
                                       {DNNL_ARG_DIFF_SRC, output(plain_src, src)},
                                       {DNNL_ARG_WORKSPACE, notes}});
  }
};

class Relu final : public Primitive {
 public:
  Relu(const Case& c, int threads) : Primitive(c, threads) {
    const Desc x({std::get<VectorProblem>(c.shape.problem).n}, kF32, Tag::x);
    constexpr float kSlope = 0, kUnused = 0;
#if DNNL_VERSION_MAJOR >= 3
    const auto relu = describe<dnnl::eltwise_forward>(
        prop_kind::forward_training, algorithm::eltwise_relu, x, x, kSlope, kUnused);
    const auto back = describe_backward<dnnl::eltwise_backward>(relu, algorithm::eltwise_relu, x, x,
                                                                x, kSlope, kUnused);
#else
    const auto relu = describe<dnnl::eltwise_forward>(
        prop_kind::forward_training, algorithm::eltwise_relu, x, kSlope, kUnused);
    const auto back = describe_backward<dnnl::eltwise_backward>(relu, algorithm::eltwise_relu, x, x,
                                                                kSlope, kUnused);
#endif
    if (c.operation == "relu_forward") {
      set(dnnl::eltwise_forward(relu),
          {{DNNL_ARG_SRC, input(0, x, x)}, {DNNL_ARG_DST, output(x, x)}});
    } else {
      set(dnnl::eltwise_backward(back), {{DNNL_ARG_SRC, input(0, x, x)},
                                         {DNNL_ARG_DIFF_DST, input(1, x, x)},
                                         {DNNL_ARG_DIFF_SRC, output(x, x)}});
    }
  }
};

class Softmax final : public Primitive {
 public:
  Softmax(const Case& c, int threads) : Primitive(c, threads) {
    const auto& p = std::get<MatrixProblem>(c.shape.problem);
    const Desc x({p.rows, p.columns}, kF32, Tag::ab);
    constexpr int kAxis = 1;
#if DNNL_VERSION_MAJOR >= 3
    const auto softmax = describe<dnnl::softmax_forward>(
        prop_kind::forward_training, algorithm::softmax_accurate, x, x, kAxis);
#else
    const auto softmax = describe<dnnl::softmax_forward>(prop_kind::forward_training, x, kAxis);
#endif
    set(dnnl::softmax_forward(softmax),
        {{DNNL_ARG_SRC, input(0, x, x)}, {DNNL_ARG_DST, output(x, x)}});
  }
};

using Prepare = std::unique_ptr<Contender> (*)(const Case& c, int threads);

template <class T>
std::unique_ptr<Contender> prepare(const Case& c, int threads) {
  return std::make_unique<T>(c, threads);
}

const std::map<std::string, Prepare> kOperations = {
    {"gemm", bench::prepare<Gemm>},
    {"conv_forward", bench::prepare<ConvForward<algorithm::convolution_direct>>},
    {"conv_backward_data", bench::prepare<ConvBackwardData<algorithm::convolution_direct>>},
    {"conv_backward_weights", bench::prepare<ConvBackwardWeights<algorithm::convolution_direct>>},
    {"max_pool_forward", bench::prepare<MaxPool>},
    {"max_pool_backward", bench::prepare<MaxPool>},
    {"relu_forward", bench::prepare<Relu>},
    {"relu_backward", bench::prepare<Relu>},
    {"softmax", bench::prepare<Softmax>}};

const std::map<std::string, Prepare> kWinogradOperations = {
    {"conv_forward", bench::prepare<ConvForward<algorithm::convolution_winograd>>},
    {"conv_backward_data", bench::prepare<ConvBackwardData<algorithm::convolution_winograd>>},
    {"conv_backward_weights", bench::prepare<ConvBackwardWeights<algorithm::convolution_winograd>>}};

/// The widest instructions that oneDNN will use, as ONEDNN_MAX_CPU_ISA has it.
std::string instruction_set() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41: return "sse4.1";
    case dnnl::cpu_isa::avx: return "avx";
    case dnnl::cpu_isa::avx2: return "avx2";
    case dnnl::cpu_isa::avx2_vnni: return "avx2_vnni";
    default: return "avx512 or wider";
  }
}

class OneDnn : public Library {
 public:
  explicit OneDnn(const std::map<std::string, Prepare>& operations = kOperations) : operations_(operations) {}

  std::string name() const override { return "onednn"; }
  std::string version() const override {
    const dnnl_version_t* v = dnnl_version();
    return std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch) +
           " (" + instruction_set() + ")";
  }
  bool has(const Case& c) const override { return operations_.contains(c.operation); }
  std::chrono::milliseconds spinning() const override { return std::chrono::milliseconds(10); }
  std::unique_ptr<Contender> prepare(const Case& c, Executor& executor) const override {
    // A primitive is made for the number of threads that there are when it is made.
    std::unique_ptr<Contender> contender;
    Threads(executor.threads()).run([&] {
      contender = operations_.at(c.operation)(c, executor.threads());
    });
    return contender;
  }

 private:
  const std::map<std::string, Prepare>& operations_;
};

/// Version 2 with AVX-512 alone has it. It is less exact: its transforms multiply by up to 5 and divide by up to 24.
class OneDnnWinograd final : public OneDnn {
 public:
  OneDnnWinograd() : OneDnn(kWinogradOperations) {}

  std::string name() const override { return "onednn_winograd"; }
  bool has(const Case& c) const override {
    const auto* const p = std::get_if<ConvProblem>(&c.shape.problem);
    return DNNL_VERSION_MAJOR == 2 && instruction_set() == "avx512 or wider" && p != nullptr && OneDnn::has(c) &&
           simd::has_winograd_tiles(p->shape);
  }
  double tolerance(const Case&) const override { return 1e-4; }
};

}  // namespace

std::unique_ptr<Library> onednn_library() { return std::make_unique<OneDnn>(); }

std::unique_ptr<Library> onednn_winograd_library() { return std::make_unique<OneDnnWinograd>(); }

}  // namespace tilewise::bench
