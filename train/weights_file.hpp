#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "tilewise/layers/model.hpp"

namespace tilewise {

/// Writes the model's weights, "conv2d/kernel" and so on, as safetensors (safetensors.hpp), all or
/// nothing. Throws FileError when the file cannot be written.
void save_weights(const std::filesystem::path& path, const Model& model,
                  const std::map<std::string, std::string>& metadata = {});

/// Reads them back, also from a checkpoint (checkpoint.hpp). Throws FileError, and leaves the model as it was, when the file is damaged or its
/// names or shapes are not exactly the model's.
void load_weights(const std::filesystem::path& path, Model& model);

}  // namespace tilewise
