#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "apps/commands.hpp"
#include "apps/config_file.hpp"
#include "apps/exit_status.hpp"
#include "apps/options.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/train/atomic_file.hpp"
#include "tilewise/train/contact_sheet.hpp"
#include "tilewise/train/image_file.hpp"

namespace tilewise::app {
namespace {

struct SamplesOptions {
  DataOptions data;
  Split split = Split::train;
  std::int64_t samples = 10;
  std::string output;  ///< empty: none
};

int samples(const SamplesOptions& options, bool limits_samples) {
  if (limits_samples && options.output.empty()) throw ArgumentError("--samples: needs --output");
  if (!options.output.empty()) check_can_write(options.output);
  const Dataset data = load_data(options.data, options.split);
  fmt::print("{}: {} {} images of shape {}, {} classes\n\nclass   images  name\n", options.data.data_dir,
             data.size(), split_name(options.split), data.image_shape().to_string(), data.classes());
  const std::vector<std::int64_t> counts = class_counts(data);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    fmt::print("{:>5}  {:>7}  {}\n", i, counts[i], one_line(data.class_names()[i]));
  }
  if (!options.output.empty()) {
    write_png(options.output, contact_sheet(data, {.samples = options.samples}));
    fmt::print("Wrote {}\n", options.output);
  }
  return kExitSuccess;
}

}  // namespace

Command add_samples_command(CLI::App& app) {
  const auto options = std::make_shared<SamplesOptions>();
  CLI::App& command = *app.add_subcommand("samples", "What a data set holds: classes, and some of the images");
  add_data_options(command, options->data);
  add_split(command, options->split);
  command.add_option("--samples", options->samples, "images of each class in --output, at most")
      ->capture_default_str()
      ->check(CLI::Range(1, 100));
  add_output_file(command, "--output", options->output, "write a PNG with a row of images a class");
  add_config(command);
  command.footer(
      "Example:\n"
      "  tilewise samples --data-dir data/cifar-10 --output sheet.png");
  return {&command, [&command, options] { return samples(*options, command.count("--samples") > 0); }};
}

}  // namespace tilewise::app
