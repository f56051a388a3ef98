#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "tilewise/layers/sequential.hpp"

namespace tilewise {

/// The network as Keras's model.to_json() writes a Sequential model (Keras 3; its
/// keras.models.model_from_json reads it): class, name and options of each layer, no weights. One line, or
/// indented by `indent` columns if that is not negative.
///
/// Two classes are Tilewise's own, for which Keras wants custom objects registered as "tilewise>Residual" and
/// "tilewise>GELU": Residual, whose config has "main" and "shortcut", each a Sequential model's JSON, or null
/// for no shortcut; and GELU, with "approximate": true (otherwise it is an Activation).
/// Throws ArgumentError for a layer that has no form in JSON, one that a user derived from Layer.
std::string to_json(const Sequential& network, int indent = -1);

/// Whether to_json() can write the network.
bool has_json(const Sequential& network);

/// Makes a network from JSON that to_json(), or Keras's model.to_json(), wrote: Keras 3 or 2, Sequential
/// or functional if that is a plain chain of layers. `source` is what messages name, a file as a rule.
///
/// Names and options of the layers are kept. What is left out has Keras's default. Whatever would change
/// the result and is not supported is refused: layers, options, dtypes other than float32, channels
/// first, several inputs or outputs. What does not change it is ignored (seeds, for all random numbers
/// come from the model's).
///
/// Nothing in the text is believed: layers and what they hold are limited to 2^31 - 1 values each, and
/// nothing is allocated for them.
/// Throws FileError, one line with the source, the layer and the key, what was found and what is expected.
Sequential model_from_json(std::string_view text, const std::string& source);

/// The same of a file of at most 16 MiB. Throws FileError.
Sequential read_model_json(const std::filesystem::path& path);

}  // namespace tilewise
