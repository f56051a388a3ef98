#include "tilewise/train/json/plain_chain.hpp"

#include "tilewise/core/error.hpp"

namespace tilewise::json {
namespace {

/// Element 0 of a list of one; null for anything else.
const Json& single(const Json& list) {
  static const Json null;
  return list.is_array() && list.size() == 1 ? list[0] : null;
}

/// Whether `tensor` is ["conv2d", 0, 0, ...]: what the only call of that layer returned.
bool is_output_of(const Json& tensor, const Json& layer) {
  return tensor.is_array() && tensor.size() >= 3 && tensor[0] == layer && tensor[1] == 0 &&
         tensor[2] == 0;
}

/// Arguments of a call that change nothing: "training": false, or null, is how Keras notes that nobody
/// said anything of it.
bool are_plain(const Json& arguments) {
  if (arguments.is_null()) return true;
  if (!arguments.is_object()) return false;
  for (const auto& [key, value] : arguments.items()) {
    if (!value.is_null() && value != false) return false;
  }
  return true;
}

/// Whether a layer was called once, on the output of `previous`.
bool follows(const Json& inbound_nodes, const Json& previous) {
  const Json& node = single(inbound_nodes);
  if (node.is_object()) {  // Keras 3
    const Json& tensor = member(single(member(node, "args")), "config");
    return is_output_of(member(tensor, "keras_history"), previous) && are_plain(member(node, "kwargs"));
  }
  const Json& tensor = single(node);  // Keras 2: ["conv2d", 0, 0, {}]
  return is_output_of(tensor, previous) && (tensor.size() == 3 || are_plain(tensor[3]));
}

/// Whether the model's only input or output is `layer`: [["dense", 0, 0]], or without the outer list.
bool is_only(const Json& ends, const Json& layer) {
  return is_output_of(ends, layer) || is_output_of(single(ends), layer);
}

}  // namespace

void check_plain_chain(const std::string& source, const Json& config) {
  const Json& layers = member(config, "layers");
  const auto name = [&](std::size_t i) -> const Json& { return member(layers[i], "name"); };
  if (member(layers[0], "class_name") != "InputLayer" ||
      !is_only(member(config, "input_layers"), name(0))) {
    throw FileError(source + ": a functional model is supported only as a plain chain that begins with "
                             "its only InputLayer");
  }
  for (std::size_t i = 1; i < layers.size(); ++i) {
    if (!follows(member(layers[i], "inbound_nodes"), name(i - 1))) {
      throw FileError(source + ": layer " + shown(name(i)) + " does not follow from " +
                      shown(name(i - 1)) + " alone; a functional model is supported only as a plain chain");
    }
  }
  if (!is_only(member(config, "output_layers"), name(layers.size() - 1))) {
    throw FileError(source + ": output_layers is " + shown(member(config, "output_layers")) +
                    ", expected the last layer, " + shown(name(layers.size() - 1)) + ", alone");
  }
}

}  // namespace tilewise::json
