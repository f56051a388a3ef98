#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "tilewise/train/dataset.hpp"

namespace tilewise::app {

// Options that several commands have.

/// Where the images are.
struct DataOptions {
  std::string data_dir = "data/mnist";
};

void add_data_options(CLI::App& command, DataOptions& options);

/// Throws FileError.
Dataset load_data(const DataOptions& options, Split split);

/// --split train or test.
void add_split(CLI::App& command, Split& split);
const char* split_name(Split split);

/// --threads; 0 means what the machine allows.
void add_threads(CLI::App& command, int& threads);

/// `names`, "--batch-size" as a rule.
void add_batch_size(CLI::App& command, const char* names, std::int64_t& batch_size);

/// --trace FILE.
void add_trace(CLI::App& command, std::string& trace);

/// --model, the name of a network or a JSON file; `more` is appended to its description.
CLI::Option* add_model(CLI::App& command, std::string& model, const char* more = "");

/// WEIGHTS, the first positional argument.
void add_weights(CLI::App& command, std::string& weights);

/// Text on one line, whatever the user or a file has put into it; one_line() also cuts it, for a table.
std::string printable(std::string text);
std::string one_line(std::string text);

/// An option for a file to write.
void add_output_file(CLI::App& command, const char* name, std::string& file, const char* description);

}  // namespace tilewise::app
