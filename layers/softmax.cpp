#include "tilewise/layers/softmax.hpp"

#include "tilewise/core/error.hpp"

namespace tilewise {

Shape Softmax::output_shape(const Shape& input) const {
  if (input.rank() < 1 || input.elements() == 0) {
    throw ShapeError("input shape " + input.to_string() + " has no last axis to normalise");
  }
  return input;
}

void Softmax::append_steps(const StepContext& context, Steps& steps) const {
  steps.push_back(std::make_unique<SoftmaxStep>(context.kernels, context.input));
}

SoftmaxStep::SoftmaxStep(const simd::KernelTable& kernels, const Shape& shape)
    : Step(shape.elements(), shape.elements()),
      kernels_(kernels),
      classes_(shape[shape.rank() - 1]) {}

void SoftmaxStep::forward(const Chunk& chunk, const float* src, float* dst) {
  kernels_.softmax(chunk.images * src_size() / classes_, classes_, src, dst);
}

void SoftmaxStep::backward(const Chunk& chunk, const float*, const float* dst, float* d_dst,
                           float* d_src) {
  if (d_src == nullptr) return;
  kernels_.softmax_backward(chunk.images * src_size() / classes_, classes_, dst, d_dst, d_src);
}

}  // namespace tilewise
