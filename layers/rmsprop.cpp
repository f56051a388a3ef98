#include "tilewise/layers/rmsprop.hpp"

#include "tilewise/layers/check_option.hpp"

namespace tilewise {

RMSprop::RMSprop(const RMSpropOptions& options)
    : Optimizer(options.learning_rate, {.weight_decay = options.weight_decay,
                                        .decayed = options.decayed,
                                        .clipping = options.clipping}),
      options_(options) {
  check_option(is_decay(options.rho), "RMSprop", "rho", options.rho, "in [0, 1), as a float");
  check_option(options.momentum >= 0 && options.momentum < 1, "RMSprop", "momentum", options.momentum,
               "in [0, 1)");
  check_option(is_divisor(options.epsilon), "RMSprop", "epsilon", options.epsilon,
               "positive, as a float");
}

std::vector<Optimizer::StateArray> RMSprop::state() {
  std::vector<StateArray> arrays = {{"velocity", velocity_}};
  if (options_.centered) arrays.push_back({"average_gradient", average_gradient_});
  if (has_momentum()) arrays.push_back({"momentum", momentum_});
  return arrays;
}

std::int64_t RMSprop::state_floats() const {
  return 1 + (options_.centered ? 1 : 0) + (has_momentum() ? 1 : 0);
}

void RMSprop::allocate_state(std::span<const Parameter> parameters) {
  velocity_ = zeros_like(parameters);
  if (options_.centered) average_gradient_ = zeros_like(parameters);
  if (has_momentum()) momentum_ = zeros_like(parameters);
}

void RMSprop::compute_factors() {
  factors_ = {.rate = static_cast<float>(learning_rate()),
              .rho = static_cast<float>(options_.rho),
              .momentum = static_cast<float>(options_.momentum),
              .epsilon = static_cast<float>(options_.epsilon)};
}

void RMSprop::update(const simd::KernelTable& kernels, std::size_t parameter, std::int64_t first,
                     std::int64_t count, const float* gradient, float* value) {
  simd::RmspropArgs args = factors_;
  args.decay = decay(parameter);
  float* const average = options_.centered ? average_gradient_[parameter].data() + first : nullptr;
  float* const momentum = has_momentum() ? momentum_[parameter].data() + first : nullptr;
  kernels.rmsprop_update(args, count, gradient, velocity_[parameter].data() + first, average, momentum,
                         value);
}

}  // namespace tilewise
