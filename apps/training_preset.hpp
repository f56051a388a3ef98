#pragma once

#include <CLI/CLI.hpp>

namespace tilewise::app {

/// Adds --preset NAME to the command: options for a purpose, under a name.
void add_preset(CLI::App& command);

/// Gives the options that have no value yet those of the preset that --preset names, if it does: what the
/// command line and --config say wins.
void apply_preset(CLI::App& command);

}  // namespace tilewise::app
