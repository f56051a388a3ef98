#include "tilewise/layers/activation.hpp"

#include "tilewise/layers/relu.hpp"
#include "tilewise/layers/softmax.hpp"

namespace tilewise {

void append_activation(Activation activation, const simd::KernelTable& kernels, const Shape& shape,
                       Steps& steps) {
  switch (activation) {
    case Activation::linear:
      break;
    case Activation::relu:
      steps.push_back(make_relu_step(kernels, shape.elements()));
      break;
    case Activation::softmax:
      steps.push_back(std::make_unique<SoftmaxStep>(kernels, shape));
      break;
  }
}

}  // namespace tilewise
