#include "tilewise/layers/plan.hpp"

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

/// The steps that the layers append, named after them.
Steps layers_steps(const Sequential& network, const PlanContext& context, bool skip_unread) {
  const std::vector<Shape> made = made_outputs(network, skip_unread);
  std::span<Parameter> parameters = context.parameters;
  Steps steps;
  std::size_t named = 0;
  for (std::size_t i = 0; i < network.layers().size(); ++i) {
    const auto& entry = network.layers()[i];
    const std::size_t count = entry.parameters.size();
    entry.layer->append_steps({.kernels = context.kernels,
                               .threads = context.threads,
                               .input = entry.input,
                               .src = i == 0 ? entry.input : made[i - 1],
                               .dst = made[i],
                               .max_batch = context.max_batch,
                               .seed = context.seed,
                               .layer_index = static_cast<std::uint32_t>(i),
                               .parameters = parameters.first(count)},
                              steps);
    parameters = parameters.subspan(count);
    for (; named < steps.size(); ++named) steps[named]->set_name(entry.name);
  }
  return steps;
}

}  // namespace

Steps make_plan(const Sequential& network, const PlanContext& context, const PlanOptions& options) {
  Steps steps = layers_steps(network, context, options.skip_unread);
  if (options.move_relu_behind_pooling) move_relu_behind_pooling(steps);
  if (options.fuse_pooling) {
    fuse_pooling(context.kernels, context.max_batch, options.sparse_gradients, steps);
  }
  return steps;
}

}  // namespace tilewise
