#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace tilewise::app {

/// Adds --preset NAME to the command: options for a purpose, under a name.
void add_preset(CLI::App& command);

/// The options that have their values from a preset.
class AppliedPreset {
 public:
  /// Of none.
  AppliedPreset() = default;
  AppliedPreset(std::string name, std::vector<const CLI::Option*> options);

  /// What an error is to say beside `message`, of the options in it that the user did not give: " (--preset fast
  /// sets --epochs 1; what is given beside it wins)". Empty if the preset set none of them.
  std::string note(const std::string& message) const;

 private:
  std::string name_;
  std::vector<const CLI::Option*> options_;
};

/// Gives the options that have no value yet those of the preset that --preset names, if it does: what the
/// command line and --config say wins.
AppliedPreset apply_preset(CLI::App& command);

}  // namespace tilewise::app
