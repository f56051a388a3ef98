#include "tilewise/layers/residual.hpp"

#include <string>
#include <utility>

#include "tilewise/core/error.hpp"
#include "tilewise/layers/plan.hpp"
#include "tilewise/layers/residual_steps.hpp"

namespace tilewise {
namespace {

void check_layers(const char* name, const Sequential& network) {
  if (network.layers().empty()) {
    throw ArgumentError("Residual: the " + std::string(name) + " branch has no layers");
  }
}

/// "main ends in conv2d_1 with (8, 8, 16)"
std::string end_of(const std::string& name, const Sequential& network) {
  return name + " ends in " + network.layers().back().name + " with " +
         network.output_shape().to_string();
}

}  // namespace

Residual::Residual(Sequential main, std::optional<Sequential> shortcut)
    : main_(std::move(main)), shortcut_(std::move(shortcut)) {
  check_layers("main", main_);
  if (!shortcut_) {
    if (main_.output_shape() == main_.input_shape()) return;
    throw ShapeError("Residual: " + end_of("main", main_) + ", its input is " +
                     main_.input_shape().to_string() + ": the shortcut has to be a network, too");
  }
  check_layers("shortcut", *shortcut_);
  if (shortcut_->input_shape() != main_.input_shape()) {
    throw ShapeError("Residual: main begins with " + main_.input_shape().to_string() +
                     ", the shortcut with " + shortcut_->input_shape().to_string());
  }
  if (shortcut_->output_shape() != main_.output_shape()) {
    throw ShapeError("Residual: " + end_of("main", main_) + ", " + end_of("the shortcut", *shortcut_));
  }
}

Shape Residual::output_shape(const Shape& input) const {
  if (input != main_.input_shape()) {
    throw ShapeError("input shape " + input.to_string() + ", expected " +
                     main_.input_shape().to_string() + ", with which main and " +
                     main_.layers().front().name + " in it begin");
  }
  return main_.output_shape();
}

std::vector<Layer::Branch> Residual::branches() const {
  std::vector<Branch> result{{"main", &main_}};
  if (shortcut_) result.push_back({"shortcut", &*shortcut_});
  return result;
}

std::vector<ParameterSpec> Residual::parameters(const Shape&) const {
  std::vector<ParameterSpec> result;
  for (const Branch& branch : branches()) {
    for (const auto& entry : branch.network->layers()) {
      for (ParameterSpec spec : entry.parameters) {
        spec.name = std::string(branch.name) + "/" + entry.name + "/" + spec.name;
        result.push_back(std::move(spec));
      }
    }
  }
  return result;
}

double Residual::forward_flops(const Shape&) const {
  double flops = 0;
  for (const Branch& branch : branches()) flops += branch.network->forward_flops();
  return flops;
}

void Residual::append_steps(const StepContext& context, Steps& steps) const {
  const auto append = [&](std::unique_ptr<Step> step, const char* name) {
    step->set_name(name);
    steps.push_back(std::move(step));
  };
  StepContext rest = context;
  ++rest.layer_index;
  const auto append_branch = [&](const Branch& branch) {
    std::size_t count = 0;
    std::uint32_t layers = 0;
    for (const auto& entry : branch.network->layers()) {
      count += entry.parameters.size();
      layers += entry.layer_count();
    }
    StepContext inner = rest;
    inner.src = context.input;
    inner.parameters = rest.parameters.first(count);
    const std::size_t first = steps.size();
    append_network_steps(*branch.network, inner, steps);
    for (std::size_t i = first; i < steps.size(); ++i) {
      steps[i]->set_name(std::string(branch.name) + "/" + steps[i]->name());
    }
    rest.layer_index += layers;
    rest.parameters = rest.parameters.subspan(count);
  };

  const std::int64_t src_size = context.input.elements();
  const std::int64_t dst_size = main_.output_shape().elements();
  auto fork = std::make_unique<ForkStep>(context.kernels, src_size, context.max_batch);
  ForkStep& forked = *fork;
  append(std::move(fork), "fork");
  append_branch(branches()[0]);
  if (!shortcut_) {
    append(std::make_unique<JoinStep>(context.kernels, dst_size, forked.src(), forked.d_src()), "add");
    return;
  }
  auto change = std::make_unique<SwitchStep>(forked, dst_size, context.max_batch);
  float* const kept = change->kept();
  append(std::move(change), "switch");
  append_branch(branches()[1]);
  append(std::make_unique<JoinStep>(context.kernels, dst_size, kept, kept), "add");
}

}  // namespace tilewise
