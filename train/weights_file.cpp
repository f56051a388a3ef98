#include "tilewise/train/weights_file.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "tilewise/core/error.hpp"
#include "tilewise/train/model_json.hpp"

namespace tilewise {

void save_weights(const std::filesystem::path& path, const Model& model,
                  const std::map<std::string, std::string>& metadata) {
  std::vector<NamedTensor> tensors;
  for (const Parameter& parameter : model.parameters()) {
    tensors.push_back({parameter.name(), parameter.shape(),
                       {parameter.value(), static_cast<std::size_t>(parameter.size())}});
  }
  std::map<std::string, std::string> all = metadata;
  if (has_json(model.network())) all.emplace(kModelConfigKey, to_json(model.network()));
  write_safetensors(path, tensors, all);
}

void load_weights(const std::filesystem::path& path, Model& model) {
  load_weights(path, read_safetensors(path), model);
}

void load_weights(const std::filesystem::path& path, const SafetensorsFile& file, Model& model) {
  check_weights(path, file, model.network());
  model.edit_parameters([&](std::span<Parameter> parameters) {
    for (Parameter& parameter : parameters) {
      const Tensor& tensor = file.tensors.at(parameter.name());
      std::copy_n(tensor.data(), tensor.size(), parameter.value());
    }
  });
}

std::optional<Sequential> saved_network(const std::filesystem::path& path,
                                        const SafetensorsFile& file) {
  const auto found = file.metadata.find(kModelConfigKey);
  if (found == file.metadata.end()) return std::nullopt;
  return model_from_json(found->second, path.string() + ": " + kModelConfigKey);
}

void check_weights(const std::filesystem::path& path, const SafetensorsFile& file,
                   const Sequential& network) {
  std::size_t parameters = 0;
  for (const Sequential::Entry& entry : network.layers()) {
    for (const ParameterSpec& parameter : entry.parameters) {
      const std::string name = entry.name + "/" + parameter.name;
      const auto found = file.tensors.find(name);
      if (found == file.tensors.end()) {
        throw FileError(path.string() + ": has no tensor " + name + ", which the network needs");
      }
      if (found->second.shape() != parameter.shape) {
        throw FileError(path.string() + ": tensor " + name + " has shape " +
                        found->second.shape().to_string() + ", the network's has " +
                        parameter.shape.to_string());
      }
      ++parameters;
    }
  }
  // A checkpoint has more than weights.
  const auto weights = std::ranges::count_if(file.tensors, [](const auto& tensor) {
    return !tensor.first.starts_with("optimizer/") && !tensor.first.starts_with("callbacks/");
  });
  if (std::cmp_not_equal(weights, parameters)) {
    throw FileError(path.string() + ": has " + std::to_string(weights) + " tensors, the network " +
                    std::to_string(parameters));
  }
}

}  // namespace tilewise
