#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>

namespace tilewise::app {

/// Puts the options that were added while it lived under a heading of --help.
class OptionGroup {
 public:
  OptionGroup(CLI::App& command, const char* name)
      : command_(command), name_(name), first_(command.get_options().size()) {}
  ~OptionGroup() {
    const auto options = command_.get_options();
    for (std::size_t i = first_; i < options.size(); ++i) options[i]->group(name_);
  }
  OptionGroup(const OptionGroup&) = delete;
  OptionGroup& operator=(const OptionGroup&) = delete;

 private:
  CLI::App& command_;
  const char* name_;
  std::size_t first_;
};

}  // namespace tilewise::app
