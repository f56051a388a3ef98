// A layer of one's own: written, checked by finite differences, and trained. Fails if the gradients are wrong
// or training does not help.

#include <tilewise/core/parallel.hpp>
#include <tilewise/core/thread_count.hpp>
#include <tilewise/layers/conv2d.hpp>
#include <tilewise/layers/dense.hpp>
#include <tilewise/layers/flatten.hpp>
#include <tilewise/layers/model.hpp>
#include <tilewise/layers/sgd.hpp>
#include <tilewise/train/batch_reader.hpp>

#include <cmath>
#include <cstdio>
#include <exception>
#include <memory>
#include <vector>

#include "bars.hpp"

using namespace tilewise;

namespace {

/// What PReLU does, for a chunk of images at a time. Runs on several threads at once: what it writes is the
/// chunk's own.
class PReLUStep final : public Step {
 public:
  PReLUStep(std::int64_t size, Parameter& alpha) : Step(size, size), alpha_(alpha) {}

  bool trainable() const override { return true; }
  bool backward_reads_dst() const override { return false; }

  void forward(const Chunk& chunk, const float* src, float* dst) override {
    const float* const alpha = alpha_.value();
    const std::int64_t channels = alpha_.size();
    for (std::int64_t i = 0; i < chunk.images * src_size(); ++i) {
      dst[i] = src[i] > 0 ? src[i] : alpha[i % channels] * src[i];
    }
  }

  void begin_gradients(const Chunk& chunk) override { alpha_.clear_gradient_slot(chunk.index); }

  // d_src = d_dst * (src > 0 ? 1 : alpha),  d_alpha += d_dst * min(src, 0)
  void backward(const Chunk& chunk, const float* src, const float*, float* d_dst, float* d_src) override {
    const float* const alpha = alpha_.value();
    float* const d_alpha = alpha_.gradient_slot(chunk.index);
    const std::int64_t channels = alpha_.size();
    for (std::int64_t i = 0; i < chunk.images * src_size(); ++i) {
      const std::int64_t c = i % channels;
      if (src[i] <= 0) d_alpha[c] += d_dst[i] * src[i];
      if (d_src != nullptr) d_src[i] = src[i] > 0 ? d_dst[i] : alpha[c] * d_dst[i];
    }
  }

 private:
  Parameter& alpha_;
};

/// dst = src > 0 ? src : alpha * src, where alpha is trained, one for each channel (K. He et al., "Delving deep
/// into rectifiers", arXiv:1502.01852, equation 1). Keras's PReLU(shared_axes=[1, 2]), but for alpha, which
/// starts as in the paper, about a quarter, instead of at zero. Parameter: alpha (channels).
class PReLU final : public Layer {
 public:
  std::string_view type() const override { return "PReLU"; }
  std::string_view name_stem() const override { return "p_re_lu"; }
  Shape output_shape(const Shape& input) const override { return input; }
  std::vector<ParameterSpec> parameters(const Shape& input) const override {
    return {{"alpha", {input[input.rank() - 1]}, Initializer::uniform(0.2, 0.3)}};
  }
  void append_steps(const StepContext& context, Steps& steps) const override {
    steps.push_back(std::make_unique<PReLUStep>(context.input.elements(), context.parameters[0]));
  }
};

/// Moves every number of a parameter by `distance`, up or down as `random` says.
void move(Model& model, std::size_t parameter, const RandomStream& random, float distance) {
  model.edit_parameters([&](std::span<Parameter> parameters) {
    float* const value = parameters[parameter].value();
    for (std::int64_t i = 0; i < parameters[parameter].size(); ++i) {
      value[i] += random.uniform(static_cast<std::uint64_t>(i)) < 0.5F ? -distance : distance;
    }
  });
}

/// Whether the loss of the batch in model.input() changes as its gradient says it should when a parameter
/// moves to and fro: (loss(w + h v) - loss(w - h v)) / 2h = gradient . v, for a v of random signs. Checks
/// what the layer says of its own parameters, and of its input by those of the layers before it.
bool check_gradients(Model& model, std::span<const std::int32_t> labels) {
  constexpr float kStep = 1.0F / 8192;  // few sums cross PReLU's kink on the way
  const auto images = static_cast<double>(labels.size());
  const auto loss = [&] { return model.evaluate_batch(labels).loss_sum / images; };
  SGD stay({.learning_rate = 0});
  model.train_batch(labels, stay);  // leaves the gradients of the mean loss, and the weights as they are

  bool good = true;
  for (std::size_t p = 0; p < model.parameters().size(); ++p) {
    const Parameter& parameter = model.parameters()[p];
    const RandomStream random{.seed = 5, .index = static_cast<std::uint32_t>(p)};
    double expected = 0;
    for (std::int64_t i = 0; i < parameter.size(); ++i) {
      const double slope = parameter.gradient()[i];
      expected += random.uniform(static_cast<std::uint64_t>(i)) < 0.5F ? -slope : slope;
    }
    move(model, p, random, kStep);
    const double above = loss();
    move(model, p, random, -2 * kStep);
    const double below = loss();
    move(model, p, random, kStep);
    const double measured = (above - below) / (2.0 * kStep);
    std::printf("%-16s slope %9.6f, measured %9.6f\n", parameter.name().c_str(), expected, measured);
    good = good && std::abs(measured - expected) <= 1e-3 + 1e-2 * std::abs(expected);
  }
  return good;
}

}  // namespace

int main() try {
  const Dataset data = bars(640, 1);
  Sequential network(data.image_shape());
  // Without a bias, black pixels would lie where PReLU has a kink, and finite differences go wrong.
  network
      .add(Conv2D({.filters = 8,
                   .kernel_size = 5,
                   .strides = 2,
                   .bias_initializer = Initializer::uniform(0.05, 0.1)}))
      .add(PReLU())
      .add(Flatten())
      .add(Dense({.units = data.classes(), .activation = Activation::softmax}));
  std::fputs(network.summary().c_str(), stdout);

  Executor executor(thread_count().count);
  Model model(network, executor, {.max_batch = 32, .seed = 1});
  BatchReader reader(data, model.max_batch());
  if (!check_gradients(model, reader.load(model, 0))) {
    std::puts("the gradients are wrong");
    return 1;
  }

  SGD sgd({.learning_rate = 0.1, .momentum = 0.9});
  double first = 0;
  double last = 0;
  for (std::int64_t batch = 0; batch < reader.batches(); ++batch) {
    const auto labels = reader.load(model, batch);
    last = model.train_batch(labels, sgd).loss_sum / static_cast<double>(labels.size());
    if (batch == 0) first = last;
    if (batch % 5 == 4) std::printf("step %2lld: loss %.4f\n", static_cast<long long>(batch + 1), last);
  }
  return last < 0.5 * first ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "own_layer: %s\n", error.what());
  return 1;
}
