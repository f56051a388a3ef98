#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace tilewise::app {

/// Help within 80 columns: an option's description is wrapped, followed by its default in brackets.
class HelpFormatter final : public CLI::Formatter {
 public:
  std::string make_group(std::string group, bool is_positional,
                         std::vector<const CLI::Option*> options) const override;
  std::string make_option(const CLI::Option* option, bool is_positional) const override;
  std::string make_subcommand(const CLI::App* command) const override;
};

}  // namespace tilewise::app
