#include "apps/options.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "tilewise/train/load_dataset.hpp"
#include "tilewise/train/networks.hpp"

namespace tilewise::app {

void add_data_options(CLI::App& command, DataOptions& options) {
  command
      .add_option("--data-dir", options.data_dir,
                  "folder with the data set: IDX files, raw or .gz, CIFAR-10, or PNG images in a "
                  "folder a class")
      ->type_name("DIR")
      ->capture_default_str();
}

Dataset load_data(const DataOptions& options, Split split) { return load_dataset(options.data_dir, split); }

void add_split(CLI::App& command, Split& split) {
  command
      .add_option_function<std::string>(
          "--split",
          [&split](const std::string& name) { split = name == "train" ? Split::train : Split::test; },
          "which images of the data set: train or test")
      ->default_str(split == Split::train ? "train" : "test")
      ->check(CLI::IsMember({"train", "test"}));
}

const char* split_name(Split split) { return split == Split::train ? "training" : "test"; }

void add_threads(CLI::App& command, int& threads) {
  command.add_option("--threads", threads, "number of threads [what the machine allows]")
      ->check(CLI::Range(1, 1024));
}

void add_batch_size(CLI::App& command, const char* names, std::int64_t& batch_size) {
  command.add_option(names, batch_size, "images per batch")
      ->capture_default_str()
      ->check(CLI::Range(1, 65'536));
}

void add_trace(CLI::App& command, std::string& trace) {
  add_output_file(command, "--trace", trace,
                  "write what each thread did when, to open in ui.perfetto.dev");
}

CLI::Option* add_model(CLI::App& command, std::string& model, const char* more) {
  std::string names;
  for (const NamedNetwork& network : named_networks()) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", network.name);
  }
  return command
      .add_option("--model", model,
                  fmt::format("the network: {}, or a .json file of Keras's model.to_json(){}", names, more))
      ->type_name("NAME|FILE")
      ->capture_default_str();
}

void add_weights(CLI::App& command, std::string& weights) {
  command.add_option("WEIGHTS", weights, "weights that 'tilewise train' wrote")
      ->type_name("FILE")
      ->required();
}

std::string printable(std::string text) {
  std::ranges::replace_if(text, [](unsigned char c) { return c < ' ' || c == 127; }, '?');
  return text;
}

std::string one_line(std::string text) {
  constexpr std::size_t kMost = 50;
  text = printable(std::move(text));
  return text.size() > kMost ? text.substr(0, kMost) + "..." : text;
}

void add_output_file(CLI::App& command, const char* name, std::string& file, const char* description) {
  command.add_option(name, file, description)->type_name("FILE");
}

}  // namespace tilewise::app
