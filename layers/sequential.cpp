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

std::string shape_text(const Shape& shape) {
  return std::string("(None").append(shape.rank() == 0 ? ")" : ", ").append(shape.to_string().substr(1));
}

using Rows = std::vector<std::array<std::string, 3>>;

/// Appends a row for each layer, and for each layer of its branches, whose names begin with `prefix`.
void append_rows(const Sequential& network, std::size_t depth, const std::string& prefix, Rows& rows) {
  for (const Sequential::Entry& entry : network.layers()) {
    std::string layer = std::string(2 * depth, ' ') + prefix;
    layer.append(entry.name).append(" (").append(entry.layer->type()).append(")");
    rows.push_back({std::move(layer), shape_text(entry.output), with_commas(entry.parameter_count())});
    for (const Layer::Branch& branch : entry.layer->branches()) {
      append_rows(*branch.network, depth + 1, std::string(branch.name) + "/", rows);
    }
  }
}

/// The rows one below the other, columns at least as wide as Keras's.
std::string table(const Rows& rows, const std::string& title, const std::string& totals) {
  std::array<std::size_t, 3> widths{34, 24, 13};
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size() + 1);
  }
  const std::size_t width = 1 + widths[0] + widths[1] + widths[2];
  const std::string line = std::string(width, '_') + "\n", double_line = std::string(width, '=') + "\n";
  std::string text = title + "\n" + line;
  for (const auto& row : rows) {
    std::string cells = " " + row[0];
    cells.resize(1 + widths[0], ' ');
    cells += row[1];
    cells.resize(1 + widths[0] + widths[1], ' ');
    text += cells + row[2] + "\n";
    if (&row == &rows.front()) text += double_line;
  }
  return text + double_line + totals + line;
}

/// Whether `name` could be that of a layer in a branch of the other, "residual/main/conv2d", with the same
/// parameters.
bool is_inside(const std::string& name, const Layer& other, const std::string& other_name) {
  return name.starts_with(other_name + "/") && !other.branches().empty();
}

/// Names go into tables and file formats.
void check_name(const char* of_what, const std::string& name) {
  if (name.empty() || std::ranges::any_of(name, [](unsigned char c) { return c < ' ' || c == 127; })) {
    throw ArgumentError(std::string(of_what) + " name is empty or has control characters");
  }
}

}  // namespace

std::int64_t Sequential::Entry::parameter_count() const {
  std::int64_t count = 0;
  for (const ParameterSpec& parameter : parameters) count += parameter.shape.elements();
  return count;
}

bool Sequential::has_layer(std::string_view name) const {
  return std::ranges::find(layers_, name, &Entry::name) != layers_.end();
}

std::int64_t Sequential::Entry::trainable_count() const {
  std::int64_t count = 0;
  for (const ParameterSpec& parameter : parameters) {
    if (parameter.trainable) count += parameter.shape.elements();
  }
  return count;
}

std::uint32_t Sequential::Entry::layer_count() const {
  std::uint32_t count = 1;
  for (const Layer::Branch& branch : layer->branches()) {
    for (const Entry& entry : branch.network->layers()) count += entry.layer_count();
  }
  return count;
}

std::string Sequential::unique_name(std::string_view stem) const {
  auto same = std::count_if(layers_.begin(), layers_.end(), [&](const Entry& entry) {
    return entry.layer->name_stem() == stem;
  });
  std::string name(stem);
  if (same > 0) name.append("_").append(std::to_string(same));
  while (has_layer(name)) name = std::string(stem) + "_" + std::to_string(++same);
  return name;
}

Sequential& Sequential::set_name(std::string name) {
  check_name("network", name);
  name_ = std::move(name);
  return *this;
}

Sequential& Sequential::add(std::shared_ptr<const Layer> layer, std::string name) {
  if (name.empty()) name = unique_name(layer->name_stem());
  check_name("layer", name);
  if (has_layer(name)) throw ArgumentError("layer " + name + ": the name is taken by another layer");
  for (const Entry& entry : layers_) {
    if (is_inside(name, *entry.layer, entry.name) || is_inside(entry.name, *layer, name)) {
      throw ArgumentError("layer " + name + ": the name could be taken for one inside another layer, for there is " +
                          entry.name);
    }
  }
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

double Sequential::needless_flops() const {
  const auto first = std::find_if(layers_.begin(), layers_.end(), [](const Entry& entry) {
    return entry.trainable_count() > 0;
  });
  if (first == layers_.end()) return 2 * forward_flops();
  const std::vector<Layer::Branch> branches = first->layer->branches();
  if (branches.empty()) return first->layer->forward_flops(first->input);
  double flops = 0;
  for (const Layer::Branch& branch : branches) flops += branch.network->needless_flops();
  return flops;
}

double Sequential::training_flops() const { return 3 * forward_flops() - needless_flops(); }

std::string Sequential::summary() const {
  Rows rows{{"Layer (type)", "Output Shape", "Param #"},
            {"input (InputLayer)", shape_text(input_), "0"}};
  append_rows(*this, 0, "", rows);
  const std::int64_t all = parameter_count(), trainable = trainable_count();
  return table(rows, "Model: \"" + name_ + "\"",
               total("Total", all) + total("Trainable", trainable) +
                   total("Non-trainable", all - trainable));
}

}  // namespace tilewise
