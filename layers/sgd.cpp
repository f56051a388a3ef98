#include "tilewise/layers/sgd.hpp"

#include "tilewise/layers/check_option.hpp"

namespace tilewise {

SGD::SGD(const SGDOptions& options)
    : Optimizer(options.learning_rate, {.weight_decay = options.weight_decay,
                                        .decayed = options.decayed,
                                        .clipping = options.clipping}),
      options_(options) {
  check_option(options.momentum >= 0 && options.momentum < 1, "SGD", "momentum", options.momentum,
               "in [0, 1)");
}

void SGD::allocate_state(std::span<const Parameter> parameters) { velocity_ = zeros_like(parameters); }

void SGD::update(const simd::KernelTable& kernels, std::size_t parameter, std::int64_t first,
                 std::int64_t count, const float* gradient, float* value) {
  kernels.sgd_update({.rate = static_cast<float>(learning_rate()),
                      .momentum = static_cast<float>(options_.momentum),
                      .nesterov = options_.nesterov,
                      .decay = decay(parameter)},
                     count, gradient, velocity_[parameter].data() + first, value);
}

}  // namespace tilewise
