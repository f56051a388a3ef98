#include "tilewise/train/weights_file.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "tilewise/core/error.hpp"
#include "tilewise/train/safetensors.hpp"

namespace tilewise {

void save_weights(const std::filesystem::path& path, const Model& model,
                  const std::map<std::string, std::string>& metadata) {
  std::vector<NamedTensor> tensors;
  for (const Parameter& parameter : model.parameters()) {
    tensors.push_back({parameter.name(), parameter.shape(),
                       {parameter.value(), static_cast<std::size_t>(parameter.size())}});
  }
  write_safetensors(path, tensors, metadata);
}

void load_weights(const std::filesystem::path& path, Model& model) {
  const SafetensorsFile file = read_safetensors(path);
  for (const Parameter& parameter : model.parameters()) {
    const auto found = file.tensors.find(parameter.name());
    if (found == file.tensors.end()) {
      throw FileError(path.string() + ": has no tensor " + parameter.name() +
                      ", which the network needs");
    }
    if (found->second.shape() != parameter.shape()) {
      throw FileError(path.string() + ": tensor " + parameter.name() + " has shape " +
                      found->second.shape().to_string() + ", the network's has " +
                      parameter.shape().to_string());
    }
  }
  // A checkpoint has more than weights.
  const auto weights = std::ranges::count_if(file.tensors, [](const auto& tensor) {
    return !tensor.first.starts_with("optimizer/") && !tensor.first.starts_with("callbacks/");
  });
  if (std::cmp_not_equal(weights, model.parameters().size())) {
    throw FileError(path.string() + ": has " + std::to_string(weights) +
                    " tensors, the network " + std::to_string(model.parameters().size()));
  }
  model.edit_parameters([&](std::span<Parameter> parameters) {
    for (Parameter& parameter : parameters) {
      const Tensor& tensor = file.tensors.at(parameter.name());
      std::copy_n(tensor.data(), tensor.size(), parameter.value());
    }
  });
}

}  // namespace tilewise
