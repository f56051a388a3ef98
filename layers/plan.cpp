#include "tilewise/layers/plan.hpp"

#include <string>
#include <vector>

#include "tilewise/layers/rewrite.hpp"

namespace tilewise {
namespace {

/// What each layer makes of its output: a corner, if it can and the next one reads no more.
std::vector<Shape> made_outputs(const Sequential& network, bool skip_unread) {
  const auto& layers = network.layers();
  std::vector<Shape> made(layers.size());
  Shape wanted = network.output_shape();
  for (std::size_t i = layers.size(); i-- > 0;) {
    const Layer& layer = *layers[i].layer;
    made[i] = skip_unread && layer.makes_corners() ? wanted : layers[i].output;
    wanted = layer.read_corner(layers[i].input, made[i]);
  }
  return made;
}

}  // namespace

void append_network_steps(const Sequential& network, const StepContext& context, Steps& steps) {
  const std::vector<Shape> made = made_outputs(network, context.skip_unread);
  StepContext own = context;
  std::span<Parameter> parameters = context.parameters;
  std::size_t named = steps.size();
  for (std::size_t i = 0; i < network.layers().size(); ++i) {
    const auto& entry = network.layers()[i];
    own.input = entry.input;
    own.src = i == 0 ? context.src : made[i - 1];
    own.dst = made[i];
    own.parameters = parameters.first(entry.parameters.size());
    entry.layer->append_steps(own, steps);
    own.layer_index += entry.layer_count();
    parameters = parameters.subspan(entry.parameters.size());
    // Steps of a branch have names already.
    for (; named < steps.size(); ++named) {
      const std::string& inner = steps[named]->name();
      steps[named]->set_name(inner.empty() ? entry.name : entry.name + "/" + inner);
    }
  }
}

Steps make_plan(const Sequential& network, const PlanContext& context, const PlanOptions& options) {
  Steps steps;
  append_network_steps(network,
                       {.kernels = context.kernels,
                        .threads = context.threads,
                        .input = network.input_shape(),
                        .src = network.input_shape(),
                        .dst = network.output_shape(),
                        .max_batch = context.max_batch,
                        .seed = context.seed,
                        .layer_index = 0,
                        .skip_unread = options.skip_unread,
                        .convolution = options.winograd ? simd::ConvAlgorithm::automatic
                                                        : simd::ConvAlgorithm::direct,
                        .parameters = context.parameters},
                       steps);
  if (options.move_relu_behind_pooling) move_relu_behind_pooling(steps);
  if (options.fuse_pooling) {
    fuse_pooling(context.kernels, context.max_batch, options.sparse_gradients, steps);
  }
  return steps;
}

}  // namespace tilewise
