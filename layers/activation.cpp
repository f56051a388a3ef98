#include "tilewise/layers/activation.hpp"

#include "tilewise/layers/name_table.hpp"
#include "tilewise/layers/pointwise.hpp"
#include "tilewise/layers/relu.hpp"
#include "tilewise/layers/softmax.hpp"

namespace tilewise {
namespace {

constexpr Named<Activation> kNames[] = {
    {"linear", Activation::linear},   {"relu", Activation::relu},
    {"softmax", Activation::softmax}, {"leaky_relu", Activation::leaky_relu},
    {"elu", Activation::elu},         {"gelu", Activation::gelu},
    {"silu", Activation::silu},       {"swish", Activation::silu},
    {"sigmoid", Activation::sigmoid}, {"tanh", Activation::tanh},
};

}  // namespace

std::string_view activation_name(Activation activation) {
  return name_of<Activation>(activation, kNames);
}

Activation parse_activation(std::string_view name) {
  return value_of<Activation>(name, "activation", kNames);
}

void append_activation(Activation activation, const simd::KernelTable& kernels, const Shape& shape,
                       Steps& steps) {
  const auto pointwise = [&](simd::Pointwise function, float alpha = 0) {
    steps.push_back(make_pointwise_step(kernels, {function, alpha}, shape.elements()));
  };
  switch (activation) {
    case Activation::linear: break;
    case Activation::relu: steps.push_back(make_relu_step(kernels, shape.elements())); break;
    case Activation::softmax: steps.push_back(std::make_unique<SoftmaxStep>(kernels, shape)); break;
    case Activation::leaky_relu: pointwise(simd::Pointwise::leaky_relu, 0.2F); break;
    case Activation::elu: pointwise(simd::Pointwise::elu, 1); break;
    case Activation::gelu: pointwise(simd::Pointwise::gelu); break;
    case Activation::silu: pointwise(simd::Pointwise::silu); break;
    case Activation::sigmoid: pointwise(simd::Pointwise::sigmoid); break;
    case Activation::tanh: pointwise(simd::Pointwise::tanh); break;
  }
}

}  // namespace tilewise
