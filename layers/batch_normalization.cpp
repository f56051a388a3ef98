#include "tilewise/layers/batch_normalization.hpp"

#include <string>

#include "tilewise/core/error.hpp"
#include "tilewise/layers/batch_normalization_step.hpp"
#include "tilewise/layers/check_option.hpp"

namespace tilewise {

BatchNormalization::BatchNormalization(const BatchNormalizationOptions& options) : options_(options) {
  check_option(options.momentum >= 0 && options.momentum <= 1, "BatchNormalization", "momentum", options.momentum,
               "in [0, 1]");
  check_option(options.epsilon > 0, "BatchNormalization", "epsilon", options.epsilon, "positive");
}

Shape BatchNormalization::output_shape(const Shape& input) const {
  if (input.rank() < 1 || input.elements() == 0) {
    throw ShapeError("input shape " + input.to_string() + ", expected (..., channels)");
  }
  return input;
}

std::vector<ParameterSpec> BatchNormalization::parameters(const Shape& input) const {
  const Shape channels{input[input.rank() - 1]};
  std::vector<ParameterSpec> result;
  const auto trained = [&](const char* name, Initializer initializer) {
    result.push_back(
        {.name = name, .shape = channels, .initializer = initializer, .whole_batch = true});
  };
  const auto moving = [&](const char* name, Initializer initializer) {
    result.push_back(
        {.name = name, .shape = channels, .initializer = initializer, .trainable = false});
  };
  if (options_.scale) trained("gamma", Initializer::ones);
  if (options_.center) trained("beta", Initializer::zeros);
  moving("moving_mean", Initializer::zeros);
  moving("moving_variance", Initializer::ones);
  return result;
}

void BatchNormalization::append_steps(const StepContext& context, Steps& steps) const {
  auto parameter = context.parameters.begin();
  Parameter* const gamma = options_.scale ? &*parameter++ : nullptr;
  Parameter* const beta = options_.center ? &*parameter++ : nullptr;
  steps.push_back(std::make_unique<BatchNormalizationStep>(
      context, BatchNormalizationStep::Arguments{.momentum = options_.momentum,
                                                 .epsilon = options_.epsilon,
                                                 .gamma = gamma,
                                                 .beta = beta,
                                                 .moving_mean = parameter[0],
                                                 .moving_variance = parameter[1]}));
}

}  // namespace tilewise
