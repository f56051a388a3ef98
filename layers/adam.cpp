#include "tilewise/layers/adam.hpp"

#include <cmath>

#include "tilewise/layers/check_option.hpp"

namespace tilewise {

Adam::Adam(const AdamOptions& options)
    : Optimizer(options.learning_rate, {.weight_decay = options.weight_decay,
                                        .decayed = options.decayed,
                                        .clipping = options.clipping}),
      options_(options) {
  check_option(is_decay(options.beta_1), "Adam", "beta_1", options.beta_1, "in [0, 1), as a float");
  check_option(is_decay(options.beta_2), "Adam", "beta_2", options.beta_2, "in [0, 1), as a float");
  check_option(is_divisor(options.epsilon), "Adam", "epsilon", options.epsilon, "positive, as a float");
}

void Adam::allocate_state(std::span<const Parameter> parameters) {
  m_ = zeros_like(parameters);
  v_ = zeros_like(parameters);
}

void Adam::compute_factors() {
  const auto t = static_cast<double>(steps());
  // The betas that the averages are made with: 1 - 0.999F is smaller than 1 - 0.999 by 1.3e-5 of it.
  const auto beta_1 = static_cast<float>(options_.beta_1);
  const auto beta_2 = static_cast<float>(options_.beta_2);
  const double rate = learning_rate() * std::sqrt(1 - std::pow(double{beta_2}, t)) /
                      (1 - std::pow(double{beta_1}, t));
  factors_ = {.rate = static_cast<float>(rate),
              .beta1 = beta_1,
              .beta2 = beta_2,
              .epsilon = static_cast<float>(options_.epsilon)};
}

void Adam::update(const simd::KernelTable& kernels, std::size_t parameter, std::int64_t first,
                  std::int64_t count, const float* gradient, float* value) {
  simd::AdamArgs args = factors_;
  args.decay = decay(parameter);
  kernels.adam_update(args, count, gradient, m_[parameter].data() + first, v_[parameter].data() + first,
                      value);
}

}  // namespace tilewise
