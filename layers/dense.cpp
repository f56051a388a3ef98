#include "tilewise/layers/dense.hpp"

#include <algorithm>
#include <string>

#include "tilewise/core/error.hpp"
#include "tilewise/simd/gemm.hpp"

namespace tilewise {
namespace {

using simd::Transpose;

/// Matrix products over the whole batch: cut into chunks of images, each would read all weights.
class DenseStep final : public Step {
 public:
  DenseStep(const StepContext& context, std::int64_t features, std::int64_t units)
      : Step(context.input.elements(), context.input.elements() / features * units),
        kernels_(context.kernels),
        threads_(context.threads),
        rows_(checked_product(context.max_batch, src_size() / features)),
        features_(features),
        units_(units),
        kernel_(context.parameters[0]),
        bias_(context.parameters.size() > 1 ? &context.parameters[1] : nullptr) {
    scratch_floats_ = std::max(
        {simd::gemm_workspace(kernels_, threads_, rows_, units, features),
         simd::gemm_workspace(kernels_, threads_, rows_, features, units),
         simd::gemm_workspace(kernels_, threads_, features, units, rows_)});
  }

  bool takes_whole_batch() const override { return true; }
  bool trainable() const override { return true; }
  std::int64_t scratch_floats() const override { return scratch_floats_; }
  bool backward_reads_dst() const override { return false; }

  void forward(const Chunk& chunk, const float* src, float* dst) override {
    const std::int64_t rows = chunk.images * src_size() / features_;
    for (std::int64_t row = 0; bias_ != nullptr && row < rows; ++row) {
      std::copy_n(bias_->value(), units_, dst + row * units_);
    }
    simd::gemm(kernels_, *chunk.executor,
               {.m = rows,
                .n = units_,
                .k = features_,
                .a = src,
                .lda = features_,
                .b = kernel_.value(),
                .ldb = units_,
                .beta = bias_ != nullptr ? 1.0F : 0.0F,
                .c = dst,
                .ldc = units_},
               chunk.scratch);
  }

  void backward(const Chunk& chunk, const float* src, const float*, float* d_dst,
                float* d_src) override {
    const std::int64_t rows = chunk.images * src_size() / features_;
    if (bias_ != nullptr) {
      bias_->clear_gradient_slot(0);
      kernels_.bias_gradient(rows, units_, d_dst, bias_->gradient_slot(0));
    }
    // d_kernel = src^T d_dst
    simd::gemm(kernels_, *chunk.executor,
               {.transpose_a = Transpose::yes,
                .m = features_,
                .n = units_,
                .k = rows,
                .a = src,
                .lda = features_,
                .b = d_dst,
                .ldb = units_,
                .c = kernel_.gradient_slot(0),
                .ldc = units_},
               chunk.scratch);
    if (d_src == nullptr) return;
    // d_src = d_dst kernel^T
    simd::gemm(kernels_, *chunk.executor,
               {.transpose_b = Transpose::yes,
                .m = rows,
                .n = features_,
                .k = units_,
                .a = d_dst,
                .lda = units_,
                .b = kernel_.value(),
                .ldb = units_,
                .c = d_src,
                .ldc = features_},
               chunk.scratch);
  }

  Work forward_work(std::int64_t images) const override {
    Work work = Step::forward_work(images);
    work.flops = flops(images);
    work.bytes += array_bytes(kernel_.size());
    return work;
  }
  Work backward_work(std::int64_t images, bool wants_d_src) const override {
    Work work = Step::backward_work(images, wants_d_src);
    work.flops = flops(images) * (wants_d_src ? 2 : 1);
    work.bytes += array_bytes(kernel_.size() * (wants_d_src ? 2 : 1));
    return work;
  }
  // Of a whole batch.
  std::string forward_kernel() const override {
    return kernel({.m = rows_, .n = units_, .k = features_, .lda = features_, .ldb = units_});
  }
  std::string backward_kernel(bool wants_d_src) const override {
    const std::string d_kernel = kernel({.transpose_a = Transpose::yes,
                                         .m = features_,
                                         .n = units_,
                                         .k = rows_,
                                         .lda = features_,
                                         .ldb = units_});
    if (!wants_d_src) return d_kernel;
    return d_kernel + ", " + kernel({.transpose_b = Transpose::yes,
                                     .m = rows_,
                                     .n = features_,
                                     .k = units_,
                                     .lda = units_,
                                     .ldb = units_});
  }

 private:
  double flops(std::int64_t images) const {
    return 2 * static_cast<double>(images * src_size()) * static_cast<double>(units_);
  }
  std::string kernel(const simd::GemmArgs& args) const {
    return simd::gemm_kernel(kernels_, args, threads_);
  }

  const simd::KernelTable& kernels_;
  int threads_;
  std::int64_t rows_;  ///< of the largest batch
  std::int64_t features_;
  std::int64_t units_;
  Parameter& kernel_;
  Parameter* bias_;  ///< null: none
  std::int64_t scratch_floats_;
};

}  // namespace

Dense::Dense(const DenseOptions& options) : options_(options) {
  if (options.units < 1) {
    throw ArgumentError("Dense: units " + std::to_string(options.units) + " is less than 1");
  }
}

Shape Dense::output_shape(const Shape& input) const {
  if (input.rank() < 1 || input.elements() == 0) {
    throw ShapeError("input shape " + input.to_string() + ", expected (..., features)");
  }
  std::array<std::int64_t, Shape::kMaxRank> extents{};
  std::copy(input.extents().begin(), input.extents().end(), extents.begin());
  extents[static_cast<std::size_t>(input.rank()) - 1] = options_.units;
  return Shape(std::span<const std::int64_t>(extents.data(), input.extents().size()));
}

std::vector<ParameterSpec> Dense::parameters(const Shape& input) const {
  std::vector<ParameterSpec> specs = {{.name = "kernel",
                                       .shape = {input[input.rank() - 1], options_.units},
                                       .initializer = options_.kernel_initializer,
                                       .whole_batch = true}};
  if (options_.use_bias) {
    specs.push_back({.name = "bias",
                     .shape = {options_.units},
                     .initializer = options_.bias_initializer,
                     .whole_batch = true});
  }
  return specs;
}

void Dense::append_steps(const StepContext& context, Steps& steps) const {
  const std::int64_t features = context.input[context.input.rank() - 1];
  steps.push_back(std::make_unique<DenseStep>(context, features, options_.units));
  append_activation(options_.activation, context.kernels, output_shape(context.input), steps);
}

}  // namespace tilewise
