#include "apps/network_source.hpp"

#include <fmt/core.h>

#include <optional>
#include <utility>

#include "tilewise/core/error.hpp"
#include "tilewise/train/model_json.hpp"
#include "tilewise/train/networks.hpp"
#include "tilewise/train/weights_file.hpp"

namespace tilewise::app {

bool has_extension(const std::filesystem::path& path, const char* extension) {
  return path.extension() == extension;
}

Sequential make_network(const std::string& model, const Shape& image_shape, int classes) {
  if (has_extension(model, ".json")) return read_model_json(model);
  const NamedNetwork* named = find_network(model);
  if (named == nullptr) {
    std::string names;
    for (const NamedNetwork& known : named_networks()) names += fmt::format("{}, ", known.name);
    throw ArgumentError(fmt::format("--model {}: expected {}or a file that ends in .json", model, names));
  }
  try {
    return named->make(image_shape, classes);
  } catch (const ShapeError& error) {
    throw ArgumentError(fmt::format("--model {}: images of shape {} are too small: {}", model,
                                    image_shape.to_string(), error.what()));
  }
}

Sequential make_network(const std::string& model, const Dataset& data) {
  Sequential network = make_network(model, data.image_shape(), data.classes());
  if (network.input_shape() != data.image_shape()) {
    throw ArgumentError(fmt::format("--model {}: takes images of shape {}, the data's are {}", model,
                                    network.input_shape().to_string(),
                                    data.image_shape().to_string()));
  }
  if (network.output_shape().elements() < data.classes()) {
    throw ArgumentError(fmt::format("--model {}: has {} outputs, the data {} classes", model,
                                    network.output_shape().elements(), data.classes()));
  }
  return network;
}

Weights read_weights(const std::filesystem::path& path, const Shape& image_shape, int classes) {
  SafetensorsFile file = read_safetensors(path);
  std::optional<Sequential> network = saved_network(path, file);
  if (!network) network = make_network("keras", image_shape, classes);
  check_weights(path, file, *network);
  return {path, std::move(file), *std::move(network)};
}

}  // namespace tilewise::app
