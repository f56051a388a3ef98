#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <string>

#include "apps/commands.hpp"
#include "apps/exit_status.hpp"
#include "apps/network_source.hpp"
#include "apps/options.hpp"
#include "apps/peak_meter.hpp"
#include "apps/runtime.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/train/atomic_file.hpp"
#include "tilewise/train/safetensors.hpp"
#include "tilewise/train/weights_file.hpp"

namespace tilewise::app {
namespace {

struct InfoOptions {
  std::string file;     ///< empty: the machine is told of
  std::string filters;  ///< empty: none
  bool peak = false;
  int threads = 0;
};

std::string compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#else
  return "gcc " __VERSION__;
#endif
}

/// Median of nine short measurements, in GFLOP/s.
double median_peak(const simd::KernelTable& kernels, Executor& executor) {
  PeakMeter peak(kernels, executor);
  peak.measure(9);
  return peak.median() / 1e9;
}

int machine_info(const InfoOptions& options) {
  Runtime runtime(options.threads);
  std::string available;
  for (const simd::Isa isa : simd::supported_isas()) {
    available += fmt::format("{}{}", available.empty() ? "" : ", ", simd::isa_name(isa));
  }
  fmt::print("{}\n", runtime.description());
  fmt::print("compiler         {}\n", compiler());
  fmt::print("instruction set  {} ({} floats a vector); this machine can run {}\n",
             simd::isa_name(runtime.kernels().isa), runtime.kernels().vector_floats, available);
  if (!options.peak) return kExitSuccess;

  Executor one(1);
  fmt::print("FMA peak         {:.1f} GFLOP/s on 1 thread\n", median_peak(runtime.kernels(), one));
  if (const int threads = runtime.threads(); threads > 1) {
    fmt::print("                 {:.1f} GFLOP/s on {} threads\n",
               median_peak(runtime.kernels(), runtime.executor()), threads);
  }
  return kExitSuccess;
}

std::string bytes_text(std::int64_t values) {
  return fmt::format("{:.1f} KiB", static_cast<double>(values) * sizeof(float) / 1024);
}

int file_info(const std::string& path) {
  const SafetensorsFile file = read_safetensors(path);
  std::int64_t values = 0;
  std::size_t width = 6;
  for (const auto& [name, tensor] : file.tensors) {
    values += tensor.size();
    width = std::max(width, one_line(name).size());
  }
  fmt::print("{}: {} tensors of {} values, {}\n", path, file.tensors.size(), values, bytes_text(values));
  for (const auto& [name, tensor] : file.tensors) {
    fmt::print("  {:<{}}  {:<20} {:>10}\n", one_line(name), width, tensor.shape().to_string(),
               tensor.size());
  }
  for (const auto& [key, value] : file.metadata) {
    if (key != kModelConfigKey) fmt::print("metadata {}: {}\n", one_line(key), one_line(value));
  }
  if (const auto network = saved_network(path, file)) {
    fmt::print("network {} of {} layers, {} to {}; see tilewise summary\n",
               one_line(network->name()), network->layers().size(),
               network->input_shape().to_string(), network->output_shape().to_string());
  }
  return kExitSuccess;
}

/// "filter,row,column,channel,weight": the first convolution of the network in `path`.
std::string filters_csv(const std::string& path) {
  const Weights weights = read_weights(path);
  for (const auto& layer : weights.network.layers()) {
    const auto found = weights.file.tensors.find(layer.name + "/kernel");
    if (found == weights.file.tensors.end() || found->second.shape().rank() != 4) continue;
    const Shape& shape = found->second.shape();  // (kh, kw, ic, oc)
    const float* weight = found->second.data();
    std::string text = "filter,row,column,channel,weight\n";
    for (std::int64_t y = 0; y < shape[0]; ++y) {
      for (std::int64_t x = 0; x < shape[1]; ++x) {
        for (std::int64_t ic = 0; ic < shape[2]; ++ic) {
          for (std::int64_t oc = 0; oc < shape[3]; ++oc) {
            text += fmt::format("{},{},{},{},{}\n", oc, y, x, ic, *weight++);
          }
        }
      }
    }
    return text;
  }
  throw ArgumentError("--filters: " + path + " has no convolution");
}

int info(const InfoOptions& options) {
  if (options.file.empty() && !options.filters.empty()) {
    throw ArgumentError("--filters: of which file of weights?");
  }
  if (!options.file.empty() && (options.peak || options.threads != 0)) {
    throw ArgumentError("--peak, --threads: they are about the machine; leave out the file");
  }
  if (!options.filters.empty()) {
    write_file_atomically(options.filters, filters_csv(options.file));
    fmt::print("Wrote {}\n", options.filters);
    return kExitSuccess;
  }
  if (options.file.empty()) return machine_info(options);
  return file_info(options.file);
}

}  // namespace

Command add_info_command(CLI::App& app) {
  const auto options = std::make_shared<InfoOptions>();
  CLI::App& command = *app.add_subcommand(
      "info", "Instruction set, threads and build, or what a file of weights holds");
  command.add_option("FILE", options->file, "weights whose tensors and metadata to list")
      ->type_name("FILE");
  command.add_flag("--peak", options->peak,
                   "measure the peak of multiply-adds in registers, the limit of every kernel");
  add_output_file(command, "--filters", options->filters,
                  "write the filters of the first convolution as CSV: filter, row, column, channel, weight");
  add_threads(command, options->threads);
  command.footer(
      "Examples:\n"
      "  TILEWISE_ISA=avx2 tilewise info --peak\n"
      "  tilewise info runs/five-epochs/model.safetensors");
  return {&command, [options] { return info(*options); }};
}

}  // namespace tilewise::app
