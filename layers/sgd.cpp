#include "tilewise/layers/sgd.hpp"

#include <string>

#include "tilewise/core/error.hpp"

namespace tilewise {

SGD::SGD(const SGDOptions& options) : Optimizer(options.learning_rate), options_(options) {
  if (!(options.momentum >= 0 && options.momentum < 1)) {
    throw ArgumentError("SGD: momentum " + std::to_string(options.momentum) + " is not in [0, 1)");
  }
}

void SGD::allocate_state(std::span<const Parameter> parameters) {
  velocity_ = zeros_like(parameters);
}

void SGD::update(const simd::KernelTable& kernels, std::size_t parameter, std::int64_t first,
                 std::int64_t count, const float* gradient, float* value) {
  kernels.sgd_update(static_cast<float>(learning_rate()), static_cast<float>(options_.momentum),
                     count, gradient, velocity_[parameter].data() + first, value);
}

}  // namespace tilewise
