#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>

namespace tilewise::app {

/// Adds --config FILE to a command.
void add_config(CLI::App& command);

/// Gives the options that the command line does not have the values in the file that --config names, if
/// it does: JSON, an object, if the file starts with a brace, else lines of "name = value" (TOML). Names
/// are those of the long options; they may stand in a section (or an object) with the command's name.
/// Throws FileError when the file cannot be read, ArgumentError, naming the file, when it is malformed or
/// has an option that the command does not or a value that the option does not take.
void apply_config(CLI::App& command);

/// The same of the file at `path`.
void apply_config(CLI::App& command, const std::string& path);

/// The same of text; errors name it `name`. Options that have a value already keep it.
void apply_config_text(CLI::App& command, const std::string& name, const std::string& text);

/// The options of a command and the values it runs with, as lines that --config reads. `resolved` has the
/// values that were chosen for options without a default that were not given; options in it with an empty
/// value are left out.
std::string resolved_config(const CLI::App& command,
                            const std::map<std::string, std::string>& resolved);

}  // namespace tilewise::app
