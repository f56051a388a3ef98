#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include <memory>
#include <string>
#include <vector>

#include "apps/commands.hpp"
#include "apps/exit_status.hpp"
#include "apps/network_source.hpp"
#include "apps/options.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/train/atomic_file.hpp"
#include "tilewise/train/model_json.hpp"
#include "tilewise/train/safetensors.hpp"
#include "tilewise/train/weights_file.hpp"

namespace tilewise::app {
namespace {

struct ConvertOptions {
  std::string in;
  std::string out;
  std::string model;  ///< empty: the one in the weights
};

/// The network of a .json file or in a .safetensors file.
Sequential network_in(const std::string& path) {
  if (has_extension(path, ".json")) return read_model_json(path);
  if (auto network = saved_network(path, read_safetensors(path))) return *std::move(network);
  throw FileError(path + ": does not say what network its weights belong to");
}

/// The tensors of `path` with `network` in the metadata.
void add_network(const std::string& path, const Sequential& network, const std::string& out) {
  SafetensorsFile file = read_safetensors(path);
  check_weights(path, file, network);
  file.metadata[kModelConfigKey] = to_json(network);
  std::vector<NamedTensor> tensors;
  for (const auto& [name, tensor] : file.tensors) tensors.push_back({name, tensor.shape(), tensor.span()});
  write_safetensors(out, tensors, file.metadata);
}

int convert(const ConvertOptions& options) {
  const bool weights = has_extension(options.in, ".safetensors");
  if (!weights && !has_extension(options.in, ".json")) {
    throw ArgumentError(options.in + ": expected a file that ends in .safetensors or .json");
  }
  if (has_extension(options.out, ".json") && options.model.empty()) {
    write_file_atomically(options.out, to_json(network_in(options.in), 2) + "\n");
  } else if (has_extension(options.out, ".safetensors") && weights && !options.model.empty()) {
    add_network(options.in, network_in(options.model), options.out);
  } else {
    throw ArgumentError(fmt::format(
        "convert {} to {}: expected .safetensors or .json to .json, or .safetensors to .safetensors "
        "with --model", options.in, options.out));
  }
  fmt::print("Wrote {}\n", options.out);
  return kExitSuccess;
}

}  // namespace

Command add_convert_command(CLI::App& app) {
  const auto options = std::make_shared<ConvertOptions>();
  CLI::App& command = *app.add_subcommand("convert", "Files of networks and weights into other ones");
  command.add_option("IN", options->in, "file to read")->type_name("FILE")->required();
  command.add_option("OUT", options->out, "file to write")->type_name("FILE")->required();
  command
      .add_option("--model", options->model,
                  "network of the weights, a .json file or weights that have it")
      ->type_name("FILE");
  command.footer(
      "What is done depends on how the names end:\n"
      "  .safetensors to .json         the network of the weights, for Keras\n"
      "  .json to .json                a network of Keras 2 or 3 as Keras 3 writes it\n"
      "  .safetensors to .safetensors  with --model: weights from elsewhere, with the\n"
      "                                names of Tilewise, are given their network\n"
      "Examples:\n"
      "  tilewise convert runs/five-epochs/model.safetensors network.json\n"
      "  tilewise convert --model network.json weights.safetensors model.safetensors");
  return {&command, [options] { return convert(*options); }};
}

}  // namespace tilewise::app
