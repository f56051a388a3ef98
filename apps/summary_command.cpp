#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "apps/commands.hpp"
#include "apps/exit_status.hpp"
#include "apps/network_source.hpp"
#include "apps/options.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/train/model_json.hpp"
#include "tilewise/train/networks.hpp"

namespace tilewise::app {
namespace {

struct SummaryOptions {
  std::string model = "keras";
  std::vector<std::int64_t> image_shape = {28, 28, 1};
  int classes = 10;
  bool json = false;
};

Sequential described_network(const SummaryOptions& options, bool names_shape) {
  if (names_shape && find_network(options.model) == nullptr) {
    throw ArgumentError("--image-shape, --classes: only built-in networks take them; a file says it itself");
  }
  if (has_extension(options.model, ".safetensors")) return read_weights(options.model).network;
  return make_network(options.model, Shape(std::span<const std::int64_t>(options.image_shape)),
                      options.classes);
}

std::vector<std::int64_t> parse_image_shape(const std::vector<std::string>& parts) {
  std::vector<std::int64_t> shape;
  for (const std::string& part : parts) {
    std::int64_t extent = 0;
    if (!CLI::detail::lexical_cast(part, extent) || extent < 1 || extent > 65'536) break;
    shape.push_back(extent);
  }
  if (shape.size() == 3 && parts.size() == 3) return shape;
  throw CLI::ValidationError(
      "--image-shape", fmt::format("{}, expected height,width,channels, each from 1 to 65536, as 28,28,1",
                                   fmt::join(parts, ",")));
}

int summary(const SummaryOptions& options, bool names_shape) {
  const Sequential network = described_network(options, names_shape);
  fmt::print("{}", options.json ? to_json(network, 2) + "\n" : network.summary());
  return kExitSuccess;
}

}  // namespace

Command add_summary_command(CLI::App& app) {
  const auto options = std::make_shared<SummaryOptions>();
  CLI::App& command =
      *app.add_subcommand("summary", "The layers of a network, as a table or as Keras's JSON");
  add_model(command, options->model, ", or a .safetensors file of weights");
  command
      .add_option_function<std::vector<std::string>>(
          "--image-shape",
          [options](const std::vector<std::string>& parts) { options->image_shape = parse_image_shape(parts); },
          "height,width,channels for a built-in network")
      ->delimiter(',')
      ->type_name("H,W,C")
      ->default_str("28,28,1");
  command.add_option("--classes", options->classes, "number of classes for a built-in network")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  command.add_flag("--json", options->json, "print what Keras's model_from_json reads");
  command.footer(
      "Examples:\n"
      "  tilewise summary --model lenet5 --image-shape 32,32,3\n"
      "  tilewise summary --model lenet5 --json > lenet5.json");
  return {&command, [&command, options] {
            return summary(*options, command.count("--image-shape") + command.count("--classes") > 0);
          }};
}

}  // namespace tilewise::app
