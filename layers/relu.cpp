#include "tilewise/layers/relu.hpp"

namespace tilewise {
namespace {

class ReluStep final : public Step {
 public:
  ReluStep(const simd::KernelTable& kernels, std::int64_t size)
      : Step(size, size), kernels_(kernels) {}

  bool backward_reads_src() const override { return false; }

  void forward(const Chunk& chunk, const float* src, float* dst) override {
    kernels_.relu_forward(chunk.images * src_size(), src, dst);
  }

  void backward(const Chunk& chunk, const float*, const float* dst, float* d_dst,
                float* d_src) override {
    if (d_src != nullptr) kernels_.relu_backward(chunk.images * src_size(), dst, d_dst, d_src);
  }

  std::string forward_kernel() const override { return "relu_forward"; }
  std::string backward_kernel(bool) const override { return "relu_backward"; }

 private:
  const simd::KernelTable& kernels_;
};

}  // namespace

void ReLU::append_steps(const StepContext& context, Steps& steps) const {
  steps.push_back(make_relu_step(context.kernels, context.input.elements()));
}

std::unique_ptr<Step> make_relu_step(const simd::KernelTable& kernels, std::int64_t size) {
  return std::make_unique<ReluStep>(kernels, size);
}

}  // namespace tilewise
