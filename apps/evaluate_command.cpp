#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "apps/classification_report.hpp"
#include "apps/commands.hpp"
#include "apps/config_file.hpp"
#include "apps/exit_status.hpp"
#include "apps/network_source.hpp"
#include "apps/options.hpp"
#include "apps/runtime.hpp"
#include "tilewise/train/atomic_file.hpp"
#include "tilewise/train/image_file.hpp"
#include "tilewise/train/predict.hpp"
#include "tilewise/train/weights_file.hpp"

namespace tilewise::app {
namespace {

constexpr std::size_t kWorst = 40;
constexpr std::int64_t kWorstColumns = 10;

struct EvaluateOptions {
  std::string weights;
  DataOptions data;
  Split split = Split::test;
  std::int64_t batch_size = 128;
  int threads = 0;
  std::string confusion;    ///< empty: none
  std::string predictions;  ///< empty: none
  std::string worst;        ///< empty: none
};

/// The images with the largest losses, the first of equal ones, kWorst at most: a grid, row by row.
Image worst_images(const Dataset& data, std::span<const Prediction> predictions) {
  std::vector<std::size_t> order(predictions.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater(), [&](std::size_t i) { return predictions[i].loss; });
  order.resize(std::min(order.size(), kWorst));
  const Shape& shape = data.image_shape();
  const std::int64_t rows = (std::ssize(order) + kWorstColumns - 1) / kWorstColumns;
  Image sheet(rows * shape[0], kWorstColumns * shape[1], shape[2]);
  for (std::int64_t i = 0; i < std::ssize(order); ++i) {
    const std::uint8_t* row = data.image(static_cast<std::int64_t>(order[static_cast<std::size_t>(i)]));
    for (std::int64_t y = 0; y < shape[0]; ++y, row += shape[1] * shape[2]) {
      std::copy_n(row, shape[1] * shape[2],
                  sheet.pixel(i / kWorstColumns * shape[0] + y, i % kWorstColumns * shape[1]));
    }
  }
  return sheet;
}

int evaluate(const EvaluateOptions& options) {
  for (const std::string& file : {options.confusion, options.predictions, options.worst}) {
    if (!file.empty()) check_can_write(file);
  }
  Runtime runtime(options.threads);
  fmt::print("{}\n", runtime.description());
  const Dataset data = load_data(options.data, options.split);
  const Weights weights = read_weights(options.weights, data.image_shape(), data.classes());
  Model model(weights.network, runtime.executor(),
              {.max_batch = std::min(options.batch_size, data.size()), .kernels = &runtime.kernels()});
  load_weights(weights.path, weights.file, model);

  const auto start = std::chrono::steady_clock::now();
  const std::vector<Prediction> predictions = predict_labelled(model, data);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  fmt::print("{} {} images from {} at {:.0f} images/s\n", data.size(), split_name(options.split),
             options.data.data_dir, static_cast<double>(data.size()) / seconds.count());

  const ClassificationReport report(predictions, model.classes(), data.class_names());
  fmt::print("\n{}\n{}\n", report.class_table(), report.confusion_table());
  for (const auto& [file, text] : {std::pair{options.confusion, &ClassificationReport::confusion_csv},
                                   {options.predictions, &ClassificationReport::predictions_csv}}) {
    if (file.empty()) continue;
    write_file_atomically(file, (report.*text)());
    fmt::print("Wrote {}\n", file);
  }
  if (!options.worst.empty()) {
    write_png(options.worst, worst_images(data, predictions));
    fmt::print("Wrote {}\n", options.worst);
  }
  fmt::print("{} accuracy: {:.4f} - {} loss: {:.4f}\n", options.split == Split::test ? "Test" : "Training",
             report.accuracy(), split_name(options.split), report.loss());
  return kExitSuccess;
}

}  // namespace

Command add_evaluate_command(CLI::App& app) {
  const auto options = std::make_shared<EvaluateOptions>();
  CLI::App& command = *app.add_subcommand(
      "evaluate", "Accuracy, loss and confusions of trained weights on a data set");
  add_weights(command, options->weights);
  add_data_options(command, options->data);
  add_split(command, options->split);
  add_batch_size(command, "--batch-size", options->batch_size);
  add_threads(command, options->threads);
  add_output_file(command, "--confusion", options->confusion, "write the confusion matrix as CSV");
  add_output_file(command, "--predictions", options->predictions,
                  "write what was predicted for each image as CSV: index, label, predicted, "
                  "probability of that, loss");
  add_output_file(command, "--worst", options->worst,
                  "write the 40 images with the largest losses as PNG, ten a row, the largest first");
  add_config(command);
  command.footer(
      "precision  share of the images taken for the class that are of it\n"
      "recall     share of the images of the class that were taken for it\n"
      "F1         their harmonic mean; support: images of the class\n"
      "Example:\n"
      "  tilewise evaluate runs/five-epochs/model.safetensors --predictions test.csv");
  return {&command, [options] { return evaluate(*options); }};
}

}  // namespace tilewise::app
