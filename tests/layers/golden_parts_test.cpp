// Single layers, losses, optimizers and schedules against the numbers of Keras and PyTorch: docs/parity.md.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "support/gradient_probe.hpp"
#include "support/random_data.hpp"
#include "support/roundings.hpp"
#include "support/tolerance.hpp"
#include "tilewise/layers/adamw.hpp"
#include "tilewise/layers/categorical_crossentropy.hpp"
#include "tilewise/layers/cosine_decay.hpp"
#include "tilewise/layers/exponential_decay.hpp"
#include "tilewise/layers/mean_squared_error.hpp"
#include "tilewise/layers/model.hpp"
#include "tilewise/layers/one_cycle.hpp"
#include "tilewise/layers/parameter_update.hpp"
#include "tilewise/layers/rmsprop.hpp"
#include "tilewise/layers/sgd.hpp"
#include "tilewise/layers/step_decay.hpp"
#include "tilewise/train/model_json.hpp"
#include "tilewise/train/safetensors.hpp"

namespace tilewise {
namespace {

const SafetensorsFile& golden() {
  static const SafetensorsFile file =
      read_safetensors(std::filesystem::path(TILEWISE_TESTS_DIR) / "golden" / "parts.safetensors");
  return file;
}

const Tensor& tensor(const std::string& name) { return golden().tensors.at(name); }

/// The names of what is recorded under `prefix`, up to the next slash: its keys in `entries`.
template <class Entries>
std::vector<std::string> names_under(const std::string& prefix, const Entries& entries) {
  std::vector<std::string> names;
  for (const auto& [key, value] : entries) {
    if (!key.starts_with(prefix)) continue;
    const std::string name = key.substr(prefix.size(), key.find('/', prefix.size()) - prefix.size());
    if (names.empty() || names.back() != name) names.push_back(name);
  }
  return names;
}

/// A recorded network with its start weights and images.
class Part {
 public:
  explicit Part(const std::string& name)
      : name_(name),
        network_(model_from_json(golden().metadata.at("network/" + name), name)),
        executor_(2),
        model_(network_, executor_, {.max_batch = kImages, .loss = make_loss()}) {
    model_.edit_parameters([&](std::span<Parameter> parameters) {
      for (Parameter& parameter : parameters) {
        const Tensor& start = recorded("start/" + parameter.name());
        EXPECT_EQ(start.shape(), parameter.shape()) << parameter.name();
        std::copy_n(start.data(), std::min(start.size(), parameter.size()), parameter.value());
      }
    });
    std::ranges::copy(tensor("images").span(), model_.input().begin());
  }

  void check_output() { check("output", model_.predict_batch(kImages), testing::forward_roundings(network_)); }

  void check_training() {
    testing::GradientProbe probe;
    const double roundings = testing::gradient_roundings(network_, kImages);
    const double sum = model_.train_batch(tensor("targets").span(), probe).loss_sum;
    const auto loss = static_cast<float>(sum / static_cast<double>(kImages));
    check("loss", {&loss, 1}, roundings);
    for (std::size_t i = 0; i < probe.gradients.size(); ++i) {
      const Parameter& parameter = model_.parameters()[i];
      if (parameter.trainable()) {
        check("gradient/" + parameter.name(), probe.gradients[i], roundings);
      } else {
        check("moved/" + parameter.name(), {parameter.value(), static_cast<std::size_t>(parameter.size())},
              roundings);
      }
    }
  }

 private:
  static constexpr std::int64_t kImages = 4;

  const Tensor& recorded(const std::string& what) const { return tensor(name_ + "/" + what); }

  std::shared_ptr<const Loss> make_loss() const {
    const auto smoothing = golden().metadata.find("label_smoothing/" + name_);
    if (smoothing == golden().metadata.end()) return std::make_shared<MeanSquaredError>();
    return std::make_shared<CategoricalCrossentropy>(
        CategoricalCrossentropyOptions{.label_smoothing = std::stod(smoothing->second)});
  }

  /// Whether the numbers are those recorded, but for `roundings` as their condition lets them grow.
  void check(const std::string& what, std::span<const float> actual, double roundings) const {
    const std::vector<double> expected = testing::widen(recorded(what).span());
    double scale = 0;
    for (const double value : expected) scale = std::max(scale, std::abs(value));
    const double bound = testing::likely_gamma(roundings) * (1 + recorded("condition/" + what)[0]) * scale;
    EXPECT_TRUE(testing::all_near(actual, expected, std::vector<double>(expected.size(), bound))) << what;
  }

  std::string name_;
  Sequential network_;
  Executor executor_;
  Model model_;
};

TEST(GoldenPartsTest, LayersAndLosses) {
  const auto names = names_under("network/", golden().metadata);
  EXPECT_EQ(names.size(), 20);
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    Part part(name);
    part.check_output();
    part.check_training();
  }
}

using MakeOptimizer = std::function<std::unique_ptr<Optimizer>()>;

/// As in scripts/record_golden_parts.py.
std::map<std::string, MakeOptimizer> optimizers() {
  const auto sgd = [](const SGDOptions& options) { return [=] { return std::make_unique<SGD>(options); }; };
  const auto rmsprop = [](const RMSpropOptions& options) {
    return [=] { return std::make_unique<RMSprop>(options); };
  };
  return {
      {"adam", [] { return std::make_unique<Adam>(AdamOptions{.learning_rate = 0.01}); }},
      {"adam_decayed",
       [] { return std::make_unique<Adam>(AdamOptions{.learning_rate = 0.01, .weight_decay = 0.1}); }},
      {"adamw",
       [] {
         return std::make_unique<AdamW>(
             AdamWOptions{.learning_rate = 0.01, .weight_decay = 0.1, .epsilon = 1e-30});
       }},
      {"sgd", sgd({.learning_rate = 0.05})},
      {"sgd_momentum", sgd({.learning_rate = 0.05, .momentum = 0.9})},
      {"sgd_nesterov", sgd({.learning_rate = 0.05, .momentum = 0.9, .nesterov = true})},
      {"sgd_decayed", sgd({.learning_rate = 0.05, .momentum = 0.9, .weight_decay = 0.1})},
      {"rmsprop", rmsprop({.learning_rate = 0.01})},
      {"rmsprop_momentum", rmsprop({.learning_rate = 0.01, .rho = 0.8, .momentum = 0.5})},
      {"rmsprop_centered",
       rmsprop({.learning_rate = 0.01, .momentum = 0.5, .epsilon = 1e-3, .centered = true})},
      {"clip_value", sgd({.learning_rate = 0.05, .clipping = {.value = 0.5}})},
      {"clip_norm", sgd({.learning_rate = 0.05, .clipping = {.norm = 1.5}})},
      {"clip_global_norm", sgd({.learning_rate = 0.05, .clipping = {.global_norm = 2}})},
  };
}

TEST(GoldenPartsTest, Optimizers) {
  const auto all = optimizers();
  const std::string prefix = "optimizer/";
  for (const std::string& name : names_under(prefix, golden().tensors)) {
    EXPECT_TRUE(name == "start" || name == "gradient" || all.contains(name)) << name;
  }
  for (const auto& [name, make] : all) {
    std::vector<Parameter> parameters;
    for (const char* key : {"kernel", "bias"}) {
      const Tensor& start = tensor(prefix + "start/" + key);
      std::ranges::copy(start.span(), parameters.emplace_back(key, start.shape(), 1).value());
    }
    Executor executor(2);
    ParameterUpdate update(simd::default_kernels(), executor, parameters, {});
    const std::unique_ptr<Optimizer> optimizer = make();
    const std::int64_t steps = tensor(prefix + "gradient/bias").shape()[0];
    for (std::int64_t step = 0; step < steps; ++step) {
      for (Parameter& parameter : parameters) {
        const float* gradient = tensor(prefix + "gradient/" + parameter.name()).data();
        std::copy_n(gradient + step * parameter.size(), parameter.size(), parameter.gradient_slot(0));
      }
      optimizer->attach(parameters);
      update.run(1, *optimizer);
      for (const Parameter& parameter : parameters) {
        const auto size = static_cast<std::size_t>(parameter.size());
        const auto expected = testing::widen(tensor(prefix + name + "/" + parameter.name()).span());
        // Each step rounds the weight twice, with decay three times, and its change, which is smaller, some ten
        // times. One more is that of the file.
        const double bound = testing::gamma(4.0 * static_cast<double>(step + 1) + 1) *
                             std::abs(std::ranges::max(expected, {}, [](double w) { return std::abs(w); }));
        EXPECT_TRUE(testing::all_near({parameter.value(), size},
                                      std::span(expected).subspan(static_cast<std::size_t>(step) * size, size),
                                      std::vector<double>(size, bound)))
            << name << ", " << parameter.name() << ", step " << step;
      }
    }
  }
}

TEST(GoldenPartsTest, Schedules) {
  std::map<std::string, std::unique_ptr<Schedule>> schedules;
  schedules["cosine"] = std::make_unique<CosineDecay>(
      CosineDecayOptions{.initial_learning_rate = 0.1, .decay_steps = 30, .alpha = 0.01});
  schedules["cosine_warmup"] = std::make_unique<CosineDecay>(CosineDecayOptions{
      .initial_learning_rate = 0.02, .decay_steps = 20, .alpha = 0.05, .warmup_target = 0.1, .warmup_steps = 7});
  ExponentialDecayOptions exponential{.initial_learning_rate = 0.1, .decay_steps = 12, .decay_rate = 0.5};
  schedules["exponential"] = std::make_unique<ExponentialDecay>(exponential);
  exponential.staircase = true;
  schedules["staircase"] = std::make_unique<ExponentialDecay>(exponential);
  schedules["step"] = std::make_unique<StepDecay>(
      StepDecayOptions{.initial_learning_rate = 0.1, .decay_steps = 12, .gamma = 0.25});
  schedules["one_cycle"] =
      std::make_unique<OneCycle>(OneCycleOptions{.max_learning_rate = 0.1, .total_steps = 40});
  schedules["one_cycle_late"] = std::make_unique<OneCycle>(OneCycleOptions{.max_learning_rate = 0.1,
                                                                           .total_steps = 40,
                                                                           .pct_start = 0.5,
                                                                           .div_factor = 10,
                                                                           .final_div_factor = 100});
  const auto names = names_under("schedule/", golden().tensors);
  EXPECT_EQ(names.size(), schedules.size());
  for (const std::string& name : names) {
    const Tensor& rates = tensor("schedule/" + name);
    for (std::int64_t step = 0; step < rates.size(); ++step) {
      // Both compute in double; the file has floats.
      EXPECT_NEAR(schedules.at(name)->learning_rate(step), double{rates[step]},
                  2 * testing::kUnitRoundoff * double{rates[step]})
          << name << ", step " << step;
    }
  }
}

}  // namespace
}  // namespace tilewise
