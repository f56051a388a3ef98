#include "tilewise/train/json/network.hpp"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "tilewise/core/error.hpp"
#include "tilewise/train/json/layer_config.hpp"
#include "tilewise/train/json/layer_formats.hpp"
#include "tilewise/train/json/plain_chain.hpp"

namespace tilewise::json {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr std::int64_t kMaxElements = INT32_MAX;
constexpr std::size_t kMaxLayers = 4096;

// --- Writing ------------------------------------------------------------------------------------

/// [null, 28, 28, 1]: a shape of a batch, of whatever size.
OrderedJson batch_shape(const Shape& shape) {
  OrderedJson list = OrderedJson::array({nullptr});
  for (const std::int64_t extent : shape.extents()) list.push_back(extent);
  return list;
}

OrderedJson build_config(const Shape& input) { return {{"input_shape", batch_shape(input)}}; }

// --- Reading ------------------------------------------------------------------------------------

/// A name of a layer or model; empty if it has none.
std::string name_in(const std::string& place, const Json& config) {
  const Json& name = member(config, "name");
  if (name.is_null()) return {};
  if (!name.is_string()) throw FileError(place + ": name is " + shown(name) + ", expected text");
  return name.get<std::string>();
}

/// The shape of a sample from one of a batch, whose first extent is of no matter.
Shape sample_shape(const std::string& place, const Json& shape) {
  if (!shape.is_array() || shape.size() < 2 || shape.size() > Shape::kMaxRank) {
    throw FileError(place + " is " + shown(shape) + ", expected [null, height, width, channels]");
  }
  std::vector<std::int64_t> extents;
  for (std::size_t i = 1; i < shape.size(); ++i) {
    extents.push_back(read_extent(place + "[" + std::to_string(i) + "]", shape[i]));
  }
  try {
    const Shape sample{std::span<const std::int64_t>(extents)};
    if (sample.elements() <= kMaxElements) return sample;
  } catch (const ShapeError&) {
    // Even its product overflows.
  }
  throw FileError(place + " " + shown(shape) + " has too many elements, expected at most 2^31 - 1");
}

/// Reads the object of a model, once it is parsed.
class ModelReader {
 public:
  ModelReader(const std::string& source, const Json& root) : source_(source), root_(root) {}

  Sequential read() const {
    const Json& class_name = member(root_, "class_name");
    const bool chain = class_name == "Functional" || class_name == "Model";
    if (class_name != "Sequential" && !chain) {
      throw FileError(source_ + ": class_name is " + shown(class_name) +
                      ", expected \"Sequential\" or a \"Functional\" model that is a plain chain");
    }
    const Json& config = member(root_, "config");
    // Before 2.2.3 Keras's config was the list of the layers.
    const Json& layers = config.is_array() ? config : member(config, "layers");
    if (!layers.is_array() || layers.empty()) {
      throw FileError(source_ + ": layers is " + shown(layers) + ", expected a list of layers");
    }
    if (layers.size() > kMaxLayers) {
      throw FileError(source_ + ": has " + std::to_string(layers.size()) + " layers, expected at most " +
                      std::to_string(kMaxLayers));
    }
    if (chain) check_plain_chain(source_, config);
    const bool has_input = member(layers[0], "class_name") == "InputLayer";
    Sequential network(has_input ? input_layer_shape(layers[0]) : input_shape(config, layers[0]));
    if (const std::string name = name_in(source_, config); !name.empty()) network.set_name(name);
    std::int64_t parameters = 0;
    for (std::size_t i = has_input ? 1 : 0; i < layers.size(); ++i) {
      add_layer(i, layers[i], network);
      check_size(network, parameters);
    }
    return network;
  }

 private:
  /// "model.json: layer conv2d".
  std::string place(std::size_t index, const std::string& name) const {
    return source_ + ": layer " + (name.empty() ? std::to_string(index) : printable(name));
  }

  Shape input_layer_shape(const Json& layer) const {
    const std::string where = source_ + ": InputLayer";
    const Json& config = member(layer, "config");
    check_dtype(where, member(config, "dtype"));
    for (const char* key : {"sparse", "ragged", "optional"}) {
      const Json& value = member(config, key);
      if (!value.is_null() && value != false) {
        throw FileError(where + ": " + key + " " + shown(value) + " is not supported");
      }
    }
    const bool keras3 = config.is_object() && config.contains("batch_shape");
    const char* key = keras3 ? "batch_shape" : "batch_input_shape";
    return sample_shape(where + ": " + key, member(config, key));
  }

  /// Of a Sequential without InputLayer.
  Shape input_shape(const Json& config, const Json& first) const {
    const Json& given = member(member(first, "config"), "batch_input_shape");
    if (!given.is_null()) return sample_shape(source_ + ": batch_input_shape", given);
    const Json& built = member(config, "build_input_shape");
    if (!built.is_null()) return sample_shape(source_ + ": build_input_shape", built);
    throw FileError(source_ + ": has no input shape, expected an InputLayer or \"batch_input_shape\" of "
                              "the first layer");
  }

  void add_layer(std::size_t index, const Json& layer, Sequential& network) const {
    const Json& config = member(layer, "config");
    const std::string name = name_in(place(index, {}), config);
    const std::string where = place(index, name);
    const Json& class_name = member(layer, "class_name");
    if (!class_name.is_string()) {
      throw FileError(where + ": class_name is " + shown(class_name) + ", expected text");
    }
    auto described = read_layer(where, class_name.get<std::string>(), config, network.output_shape());
    if (described == nullptr) return;
    try {
      network.add(std::move(described), name);
    } catch (const ArgumentError& error) {  // names the layer
      throw FileError(source_ + ": " + error.what());
    }
  }

  void check_size(const Sequential& network, std::int64_t& parameters) const {
    if (network.layers().empty()) return;
    const Sequential::Entry& entry = network.layers().back();
    bool fits = entry.output.elements() <= kMaxElements;
    for (const ParameterSpec& parameter : entry.parameters) {
      fits = fits && parameter.shape.elements() <= kMaxElements;
    }
    if (fits) parameters += entry.parameter_count();
    if (!fits || parameters > kMaxElements) {
      throw FileError(source_ + ": layer " + entry.name + " is too large: the output of a layer and the "
                                "parameters of the network have to be fewer than 2^31");
    }
  }

  const std::string& source_;
  const Json& root_;
};

}  // namespace

OrderedJson write_network(const Sequential& network) {
  OrderedJson layers = OrderedJson::array();
  layers.push_back(layer_object("InputLayer", {{"batch_shape", batch_shape(network.input_shape())},
                                               {"dtype", "float32"},
                                               {"sparse", false},
                                               {"name", "input_layer"}}));
  for (const Sequential::Entry& entry : network.layers()) {
    OrderedJson object = write_layer(entry.name, *entry.layer);
    if (!entry.parameters.empty()) object["build_config"] = build_config(entry.input);
    layers.push_back(std::move(object));
  }
  return {{"module", "keras"},
          {"class_name", "Sequential"},
          {"config",
           {{"name", network.name()},
            {"trainable", true},
            {"dtype", float32_policy()},
            {"layers", std::move(layers)},
            {"build_input_shape", batch_shape(network.input_shape())}}},
          {"registered_name", nullptr},
          {"build_config", build_config(network.input_shape())}};
}

bool has_format(const Sequential& network) {
  return std::ranges::all_of(network.layers(),
                             [](const auto& entry) { return has_format(*entry.layer); });
}

Sequential read_network(const std::string& source, const Json& root) {
  return ModelReader(source, root).read();
}

}  // namespace tilewise::json
