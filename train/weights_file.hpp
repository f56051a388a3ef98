#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "tilewise/layers/model.hpp"
#include "tilewise/train/safetensors.hpp"

namespace tilewise {

/// Where in the metadata save_weights() keeps the network, as to_json() writes it.
inline constexpr const char* kModelConfigKey = "model_config";

/// Writes the model's weights, "conv2d/kernel" and so on, as safetensors (safetensors.hpp), all or
/// nothing, with the network in the metadata unless a layer has no form in JSON (model_json.hpp).
/// Throws FileError when the file cannot be written.
void save_weights(const std::filesystem::path& path, const Model& model,
                  const std::map<std::string, std::string>& metadata = {});

/// Reads them back, also from a checkpoint (checkpoint.hpp). Throws FileError, and leaves the model as it was, when the
/// file is damaged or its names or shapes are not exactly the model's.
void load_weights(const std::filesystem::path& path, Model& model);

/// The same from what read_safetensors(path) returned.
void load_weights(const std::filesystem::path& path, const SafetensorsFile& file, Model& model);

/// The network whose weights `file`, read from `path`, holds; none if it does not say.
/// Throws FileError when the JSON in it is wrong.
std::optional<Sequential> saved_network(const std::filesystem::path& path,
                                        const SafetensorsFile& file);

/// Throws FileError, naming the tensor, unless the tensors of `file` are exactly the parameters of
/// `network`: before memory is taken for it.
void check_weights(const std::filesystem::path& path, const SafetensorsFile& file,
                   const Sequential& network);

}  // namespace tilewise
