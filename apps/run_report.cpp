#include "apps/run_report.hpp"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "tilewise/train/atomic_file.hpp"

namespace tilewise::app {

std::string RunReport::speed_line() const {
  const double flops = images_per_second * flops_per_image;
  return fmt::format(
      "Training ran at {:.0f} images/s, nominal {:.0f} GFLOP/s: {:.0f}% of the FMA peak",
      images_per_second, flops / 1e9, 100 * flops / fma_peak_flops);
}

void write_report(const std::filesystem::path& path, const RunReport& report) {
  const TrainOptions& options = report.options;
  nlohmann::ordered_json json;
  json["runtime"] = report.runtime;
  json["options"] = {{"model", options.model},
                     {"data_dir", options.data.data_dir},
                     {"epochs", options.epochs},
                     {"batch_size", options.batch_size},
                     {"optimizer", options.optimizer.optimizer},
                     {"learning_rate", report.learning_rate},
                     {"momentum", options.optimizer.momentum.value_or(0)},
                     {"loss", options.optimizer.loss},
                     {"schedule", options.schedule.schedule},
                     {"validation_split", options.validation_split},
                     {"seed", options.seed},
                     {"threads", report.threads}};
  json["finished_epochs"] = report.finished_epochs;
  json["images_per_second"] = report.images_per_second;
  json["nominal_gflops"] = report.images_per_second * report.flops_per_image / 1e9;
  json["fma_peak_gflops"] = report.fma_peak_flops / 1e9;
  if (report.test) {
    json["test"] = {{"accuracy", report.test->accuracy}, {"loss", report.test->loss}};
  }
  write_file_atomically(path, json.dump(2) + "\n");
}

}  // namespace tilewise::app
