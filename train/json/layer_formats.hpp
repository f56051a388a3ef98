#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tilewise/layers/layer.hpp"
#include "tilewise/train/json/document.hpp"

namespace tilewise::json {

// Classes and keys are those of Keras 3, and of Keras 2 where it has others; those of Tilewise's own
// (model_json.hpp) have the module "tilewise".

/// The layer that a "config" object describes; null for one that does nothing (a linear Activation). `input`
/// is the shape that it is given. `place` begins all messages: "model.json: layer conv2d". Throws FileError
/// for a class or an option that is not supported and for a value that is wrong.
std::shared_ptr<const Layer> read_layer(const std::string& place, const std::string& class_name,
                                        const Json& config, const Shape& input);

/// {"module", "class_name", "config", "registered_name"}.
nlohmann::ordered_json layer_object(std::string_view class_name, nlohmann::ordered_json config,
                                    std::string_view module = "keras.layers");

/// That of a layer under its name. Throws ArgumentError for a layer that has no format.
nlohmann::ordered_json write_layer(const std::string& name, const Layer& layer);

/// Whether write_layer() can write it.
bool has_format(const Layer& layer);

/// Throws FileError unless a layer's "dtype" is float32, in the spelling of Keras 2 or 3.
void check_dtype(const std::string& place, const Json& dtype);

/// What Keras 3 writes for float32.
nlohmann::ordered_json float32_policy();

}  // namespace tilewise::json
