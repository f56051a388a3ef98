#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "apps/commands.hpp"
#include "apps/config_file.hpp"
#include "apps/exit_status.hpp"
#include "apps/network_source.hpp"
#include "apps/options.hpp"
#include "apps/picture.hpp"
#include "apps/runtime.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/train/atomic_file.hpp"
#include "tilewise/train/predict.hpp"
#include "tilewise/train/weights_file.hpp"

namespace tilewise::app {
namespace {

constexpr std::size_t kTop = 3;

struct PredictOptions {
  std::string weights;
  std::vector<std::string> images;  ///< empty: those of a data set
  PictureOptions picture;
  DataOptions data;
  Split split = Split::test;
  std::string output;  ///< empty: standard output
  std::int64_t batch_size = 128;
  int threads = 0;
};

/// Probabilities of `data`, (images, classes).
Tensor probabilities(const PredictOptions& options, const Weights& weights, const Dataset& data) {
  Runtime runtime(options.threads);
  Model model(weights.network, runtime.executor(),
              {.max_batch = std::min(options.batch_size, data.size()), .kernels = &runtime.kernels()});
  load_weights(weights.path, weights.file, model);
  return predict(model, data);
}

std::span<const float> row(const Tensor& table, std::int64_t i) {
  const auto columns = static_cast<std::size_t>(table.shape()[1]);
  return table.span().subspan(static_cast<std::size_t>(i) * columns, columns);
}

/// The classes of an image, the most probable first.
std::vector<std::size_t> ranked(std::span<const float> probabilities) {
  std::vector<std::size_t> classes(probabilities.size());
  std::iota(classes.begin(), classes.end(), std::size_t{0});
  std::ranges::stable_sort(classes, std::greater(), [&](std::size_t i) { return probabilities[i]; });
  return classes;
}

/// "digit.png  7 99.8%  2 0.1%  3 0.1%" for each picture, in columns.
std::string top_table(const std::vector<std::string>& names, const Tensor& table,
                      std::span<const std::string> class_names) {
  const auto class_name = [&](std::size_t i) {
    return i < class_names.size() ? one_line(class_names[i]) : std::to_string(i);
  };
  std::size_t width = 0;
  for (const std::string& name : names) width = std::max(width, name.size());
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto of_image = row(table, static_cast<std::int64_t>(i));
    const auto classes = ranked(of_image);
    text += fmt::format("{:<{}}", names[i], width);
    for (std::size_t k = 0; k < std::min(kTop, classes.size()); ++k) {
      text += fmt::format("  {:>4} {:5.1f}%", class_name(classes[k]), 100 * static_cast<double>(of_image[classes[k]]));
    }
    text += "\n";
  }
  return text;
}

/// "index,predicted,p0,p1,...": all probabilities.
std::string probabilities_csv(const Tensor& table) {
  std::string text = "index,predicted";
  for (std::int64_t i = 0; i < table.shape()[1]; ++i) text += fmt::format(",p{}", i);
  text += "\n";
  for (std::int64_t i = 0; i < table.shape()[0]; ++i) {
    const auto of_image = row(table, i);
    text += fmt::format("{},{}", i, std::ranges::max_element(of_image) - of_image.begin());
    for (const float probability : of_image) text += fmt::format(",{:.7g}", probability);
    text += "\n";
  }
  return text;
}

/// What the command line has beside the options' values.
struct Given {
  bool data_dir, split, picture;
};

int predict(const PredictOptions& options, const Given& given) {
  if (!options.images.empty() && given.split) {
    throw ArgumentError("predict takes either images or a data set (--split), not both");
  }
  if (options.images.empty() && given.picture) {
    throw ArgumentError("--raw, --invert: they are about images; name some");
  }
  if (!options.output.empty()) check_can_write(options.output);
  std::string text;
  if (options.images.empty()) {
    const Dataset data = load_data(options.data, options.split);
    const Weights weights = read_weights(options.weights, data.image_shape(), data.classes());
    text = probabilities_csv(probabilities(options, weights, data));
  } else {
    const Weights weights = read_weights(options.weights);
    const Dataset data = read_pictures(options.images, weights.network.input_shape(), options.picture);
    std::vector<std::string> names;
    if (given.data_dir) {
      const auto known = load_data(options.data, options.split);
      names.assign(known.class_names().begin(), known.class_names().end());
    }
    const Tensor table = probabilities(options, weights, data);
    text = options.output.empty() ? top_table(options.images, table, names) : probabilities_csv(table);
  }
  if (options.output.empty()) {
    fmt::print("{}", text);
  } else {
    write_file_atomically(options.output, text);
    fmt::print("Wrote {}\n", options.output);
  }
  return kExitSuccess;
}

}  // namespace

Command add_predict_command(CLI::App& app) {
  const auto options = std::make_shared<PredictOptions>();
  CLI::App& command =
      *app.add_subcommand("predict", "What trained weights make of pictures or of a data set");
  add_weights(command, options->weights);
  command.add_option("IMAGE", options->images,
                     "PNG pictures of any size, one character each if the network's images are grey squares: "
                     "it is cut out, scaled and centred as in MNIST; without any, all of a data set")
      ->type_name("FILE");
  command.add_flag("--raw", options->picture.raw, "scale the whole picture instead, and no more");
  static const std::map<std::string, Ink> inks = {
      {"auto", Ink::automatic}, {"yes", Ink::dark}, {"no", Ink::bright}};
  command
      .add_option_function<std::string>(
          "--invert", [options](const std::string& name) { options->picture.ink = inks.at(name); },
          "whether pictures are dark on bright and the network's images bright on dark: yes, no, or auto, "
          "if a character's border is bright")
      ->default_str("auto")
      ->check(CLI::IsMember({"auto", "yes", "no"}));
  add_data_options(command, options->data);
  add_split(command, options->split);
  add_output_file(command, "--output", options->output,
                  "write the probabilities of all classes as CSV: index, predicted, p0, p1, ... "
                  "[for pictures the three most probable, for a data set CSV, on the terminal]");
  add_batch_size(command, "--batch-size", options->batch_size);
  add_threads(command, options->threads);
  add_config(command);
  command.footer(
      "Examples:\n"
      "  tilewise predict runs/five-epochs/model.safetensors seven.png --invert yes\n"
      "  tilewise predict runs/five-epochs/model.safetensors --output predictions.csv");
  return {&command, [&command, options] {
            return predict(*options, {.data_dir = command.count("--data-dir") > 0,
                                      .split = command.count("--split") > 0,
                                      .picture = command.count("--raw") + command.count("--invert") > 0});
          }};
}

}  // namespace tilewise::app
