#include "tilewise/layers/sequential.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "tilewise/core/error.hpp"

namespace tilewise {
namespace {

/// 34826 as "34,826".
std::string with_commas(std::int64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

/// 34826 as " Total params: 34,826 (136.04 KB)", a KB being 1024 bytes, as in Keras.
std::string total(const std::string& what, std::int64_t parameters) {
  constexpr std::array kUnits{"B", "KB", "MB", "GB"};
  double size = static_cast<double>(parameters) * static_cast<double>(sizeof(float));
  std::size_t unit = 0;
  for (; size >= 1024 && unit + 1 < kUnits.size(); ++unit) size /= 1024;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f", size);
  return " " + what + " params: " + with_commas(parameters) + " (" + text.data() + " " + kUnits[unit] +
         ")\n";
}

std::string row(const std::string& layer, const std::string& shape, const std::string& parameters) {
  constexpr std::size_t kLayerEnd = 35;
  constexpr std::size_t kShapeEnd = 59;
  std::string text = " ";
  text += layer;
  text.resize(std::max(kLayerEnd, text.size() + 1), ' ');
  text += shape;
  text.resize(std::max(kShapeEnd, text.size() + 1), ' ');
  text += parameters;
  text += '\n';
  return text;
}

}  // namespace

std::int64_t Sequential::Entry::parameter_count() const {
  std::int64_t count = 0;
  for (const ParameterSpec& parameter : parameters) count += parameter.shape.elements();
  return count;
}

std::int64_t Sequential::Entry::trainable_count() const {
  std::int64_t count = 0;
  for (const ParameterSpec& parameter : parameters) {
    if (parameter.trainable) count += parameter.shape.elements();
  }
  return count;
}

std::string Sequential::unique_name(std::string_view stem) const {
  const auto same = std::count_if(layers_.begin(), layers_.end(), [&](const Entry& entry) {
    return entry.layer->name_stem() == stem;
  });
  std::string name(stem);
  if (same > 0) name.append("_").append(std::to_string(same));
  return name;
}

Sequential& Sequential::add(std::shared_ptr<const Layer> layer) {
  std::string name = unique_name(layer->name_stem());
  const Shape input = output_shape();
  try {
    const Shape output = layer->output_shape(input);
    std::vector<ParameterSpec> parameters = layer->parameters(input);
    layers_.push_back({std::move(name), std::move(layer), input, output, std::move(parameters)});
  } catch (const ShapeError& error) {
    throw ShapeError("layer " + name + ": " + error.what());
  }
  return *this;
}

std::int64_t Sequential::parameter_count() const {
  std::int64_t count = 0;
  for (const Entry& entry : layers_) count += entry.parameter_count();
  return count;
}

std::int64_t Sequential::trainable_count() const {
  std::int64_t count = 0;
  for (const Entry& entry : layers_) count += entry.trainable_count();
  return count;
}

double Sequential::forward_flops() const {
  double flops = 0;
  for (const Entry& entry : layers_) flops += entry.layer->forward_flops(entry.input);
  return flops;
}

double Sequential::training_flops() const {
  const auto first = std::find_if(layers_.begin(), layers_.end(), [](const Entry& entry) {
    return entry.trainable_count() > 0;
  });
  if (first == layers_.end()) return forward_flops();
  return 3 * forward_flops() - first->layer->forward_flops(first->input);
}

std::string Sequential::summary() const {
  constexpr std::size_t kWidth = 72;
  const auto shape_text = [](const Shape& shape) {
    return std::string("(None").append(shape.rank() == 0 ? ")" : ", ").append(
        shape.to_string().substr(1));
  };
  std::string text = "Model: \"sequential\"\n" + std::string(kWidth, '_') + "\n" +
                     row("Layer (type)", "Output Shape", "Param #") + std::string(kWidth, '=') + "\n" +
                     row("input (InputLayer)", shape_text(input_), "0");
  for (const Entry& entry : layers_) {
    text += row(entry.name + " (" + std::string(entry.layer->type()) + ")",
                shape_text(entry.output), with_commas(entry.parameter_count()));
  }
  return text + std::string(kWidth, '=') + "\n" + total("Total", parameter_count()) +
         total("Trainable", trainable_count()) +
         total("Non-trainable", parameter_count() - trainable_count()) + std::string(kWidth, '_') +
         "\n";
}

}  // namespace tilewise
