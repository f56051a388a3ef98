#include "tilewise/layers/pointwise.hpp"

#include <limits>
#include <string>

#include "tilewise/layers/check_option.hpp"

namespace tilewise {
namespace {

std::string name_of(simd::Pointwise function) {
  switch (function) {
    case simd::Pointwise::leaky_relu: return "leaky_relu";
    case simd::Pointwise::elu: return "elu";
    case simd::Pointwise::sigmoid: return "sigmoid";
    case simd::Pointwise::tanh: return "tanh";
    case simd::Pointwise::silu: return "silu";
    case simd::Pointwise::gelu: return "gelu";
    case simd::Pointwise::gelu_tanh: return "gelu_tanh";
  }
  return {};
}

class PointwiseStep final : public Step {
 public:
  PointwiseStep(const simd::KernelTable& kernels, const simd::PointwiseArgs& function,
                std::int64_t size)
      : Step(size, size), kernels_(kernels), function_(function) {}

  bool backward_reads_src() const override { return !backward_reads_dst(); }
  bool backward_reads_dst() const override { return simd::derivative_reads_dst(function_.function); }

  void forward(const Chunk& chunk, const float* src, float* dst) override {
    kernels_.pointwise_forward(function_, chunk.images * src_size(), src, dst);
  }

  void backward(const Chunk& chunk, const float* src, const float* dst, float* d_dst,
                float* d_src) override {
    if (d_src == nullptr) return;
    kernels_.pointwise_backward(function_, chunk.images * src_size(),
                                backward_reads_dst() ? dst : src, d_dst, d_src);
  }

  std::string forward_kernel() const override { return name_of(function_.function); }
  std::string backward_kernel(bool) const override { return name_of(function_.function); }

 private:
  const simd::KernelTable& kernels_;
  simd::PointwiseArgs function_;
};

}  // namespace

void PointwiseLayer::append_steps(const StepContext& context, Steps& steps) const {
  steps.push_back(make_pointwise_step(context.kernels, function_, context.input.elements()));
}

void check_alpha(std::string_view layer, std::string_view option, double value) {
  check_option(value >= 0 && value <= std::numeric_limits<float>::max(), layer, option, value,
               "a number from 0 on");
}

std::unique_ptr<Step> make_pointwise_step(const simd::KernelTable& kernels,
                                          const simd::PointwiseArgs& function, std::int64_t size) {
  return std::make_unique<PointwiseStep>(kernels, function, size);
}

}  // namespace tilewise
