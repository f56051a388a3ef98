#include "apps/help_formatter.hpp"

#include <fmt/core.h>

#include <sstream>
#include <utility>

namespace tilewise::app {
namespace {

constexpr std::size_t kColumn = 28;  // where descriptions begin
constexpr std::size_t kWidth = 80;

/// "  name        the description, wrapped", with its lines below each other.
std::string entry(const std::string& name, const std::string& description) {
  std::string text;
  std::string line = "  " + name + "  ";
  if (line.size() > kColumn) {
    text = line.substr(0, line.size() - 2) + "\n";
    line.clear();
  }
  line.resize(kColumn, ' ');
  std::istringstream words(description);
  for (std::string word; words >> word;) {
    if (line.size() + word.size() > kWidth) {
      line.pop_back();  // the space behind the last word
      text += line + "\n";
      line.assign(kColumn, ' ');
    }
    line += word + " ";
  }
  return text + line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
}

/// "INT" of "INT:INT in [1 - 1024]".
std::string type_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  return type.substr(0, type.find(':'));
}

}  // namespace

std::string HelpFormatter::make_group(std::string group, bool is_positional,
                                      std::vector<const CLI::Option*> options) const {
  // CLI11 puts an empty line before and after each group; before the first it is wanted.
  const bool first = is_positional || group == "Options";
  return CLI::Formatter::make_group(std::move(group), is_positional, std::move(options)).substr(first ? 0 : 1);
}

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const {
  std::string name = option->get_name(is_positional, true);
  if (!is_positional && option->get_type_size() != 0) name += " " + type_of(*option);
  if (is_positional && option->get_expected_max() > 1) name += "...";
  std::string description = option->get_description();
  if (const std::string value = option->get_default_str(); !value.empty() && value != "\"\"") {
    description += fmt::format(" [{}]", value);
  }
  return entry(name, description);
}

std::string HelpFormatter::make_subcommand(const CLI::App* command) const {
  return entry(command->get_name(), command->get_description());
}

}  // namespace tilewise::app
