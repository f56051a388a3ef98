#include "apps/config_file.hpp"

#include <fmt/core.h>

#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <utility>
#include <vector>

#include "tilewise/core/error.hpp"
#include "tilewise/train/json/document.hpp"
#include "tilewise/train/posix_file.hpp"

namespace tilewise::app {
namespace {

constexpr std::int64_t kMaxFileBytes = 1024 * 1024;
constexpr const char* kConfig = "config";

using Items = std::vector<CLI::ConfigItem>;

/// A value as the command line would have it.
std::string text_of(const std::string& key, const json::Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() || value.is_boolean()) return value.dump();
  throw ArgumentError(json::printable(key) + " is " + json::shown(value) +
                      ", expected text, a number, true or false");
}

void add_items(const json::Json& object, const std::vector<std::string>& parents, Items& items) {
  for (const auto& [key, value] : object.items()) {
    if (value.is_object() && parents.empty()) {
      add_items(value, {key}, items);
      continue;
    }
    CLI::ConfigItem& item = items.emplace_back();
    item.parents = parents;
    item.name = key;
    for (const json::Json& one : value.is_array() ? value : json::Json::array({value})) {
      item.inputs.push_back(text_of(key, one));
    }
  }
}

/// `text` without its comments, from # to the end of a line. CLI11 would also cut quoted text at a #, and takes
/// what is left open for closed.
std::string without_comments(const std::string& text) {
  std::string kept;
  char quote = '\0';
  bool in_comment = false;
  int line = 1;
  int open_line = 0;  // of a list that has no end so far
  const auto end_line = [&] {
    if (quote != '\0') throw ArgumentError(fmt::format("line {}: a quote has no end", line));
    in_comment = false;
    ++line;
  };
  for (const char c : text) {
    if (c == '\n') {
      end_line();
    } else if (in_comment) {
      continue;
    } else if (quote != '\0') {
      if (c == quote) quote = '\0';
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '#') {
      in_comment = true;
    } else if (c == '[') {
      open_line = line;
    } else if (c == ']') {
      open_line = 0;
    }
    if (!in_comment) kept += c;
  }
  end_line();
  if (open_line > 0) throw ArgumentError(fmt::format("line {}: a list has no end", open_line));
  return kept;
}

/// `name` is what errors of JSON call the text.
Items parse_items(const std::string& name, const std::string& text) {
  Items items;
  const std::size_t start = text.find_first_not_of(" \t\r\n");
  if (start != std::string::npos && text[start] == '{') {
    add_items(json::parse(name, text), {}, items);
    return items;
  }
  std::istringstream stream(without_comments(text));
  CLI::ConfigTOML toml;
  toml.comment('\0');
  for (CLI::ConfigItem& item : toml.from_config(stream)) {
    const bool marks_section = item.name == "++" || item.name == "--";
    if (!marks_section) items.push_back(std::move(item));
  }
  return items;
}

void apply(const CLI::ConfigItem& item, CLI::App& command) {
  const bool foreign = !item.parents.empty() && item.parents != std::vector{command.get_name()};
  CLI::Option* option = foreign ? nullptr : command.get_option_no_throw("--" + item.name);
  if (option == nullptr || !option->get_configurable()) {
    throw ArgumentError(fmt::format("'tilewise {}' has no option {} for a configuration",
                                    command.get_name(), json::printable(item.fullname())));
  }
  if (item.inputs.empty()) throw ArgumentError(fmt::format("--{} has no value", item.name));
  if (option->count() > 0) return;  // what came first wins
  if (option->get_expected_min() == 0) {
    option->add_result(option->get_flag_value(item.name, CLI::ConfigTOML().to_flag(item)));
  } else {
    option->add_result(item.inputs);
  }
  option->run_callback();
}

/// In quotes that the value does not have.
std::string quote(const std::string& value) {
  const char mark = value.find_first_of("\"\\") == std::string::npos ? '"' : '\'';
  return mark + value + mark;
}

/// A number or a truth value as it is, anything else in quotes.
std::string toml_value(const std::string& value) {
  char* end = nullptr;
  std::strtod(value.c_str(), &end);
  const bool plain = (!value.empty() && *end == '\0') || value == "true" || value == "false";
  return plain ? value : quote(value);
}

std::string toml_values(const std::vector<std::string>& values) {
  if (values.size() == 1) return toml_value(values[0]);
  std::string list;
  for (const std::string& value : values) list += (list.empty() ? "" : ", ") + toml_value(value);
  return "[" + list + "]";
}

}  // namespace

void add_config(CLI::App& command) {
  command
      .add_option(std::string("--") + kConfig,
                  "file with options, lines of name = value (TOML) or JSON; what the command line says wins")
      ->type_name("FILE")
      ->configurable(false);
}

void apply_config(CLI::App& command) {
  const CLI::Option* config = command.get_option_no_throw(std::string("--") + kConfig);
  if (config != nullptr && config->count() > 0) apply_config(command, config->as<std::string>());
}

void apply_config(CLI::App& command, const std::string& path) {
  apply_config_text(command, path, read_text(path, kMaxFileBytes));
}

void apply_config_text(CLI::App& command, const std::string& name, const std::string& text) {
  const auto refuse = [&](const std::exception& error) {
    throw ArgumentError(name + ": " + error.what());
  };
  try {
    for (const CLI::ConfigItem& item : parse_items(name, text)) apply(item, command);
  } catch (const CLI::Error& error) {
    refuse(error);
  } catch (const std::invalid_argument& error) {  // of get_flag_value
    refuse(error);
  } catch (const ArgumentError& error) {
    refuse(error);
  }
}

std::string resolved_config(const CLI::App& command,
                            const std::map<std::string, std::string>& resolved) {
  std::string text;
  for (const CLI::Option* option : command.get_options()) {
    if (!option->get_configurable() || option->get_lnames().empty()) continue;
    const std::string& name = option->get_lnames().front();
    std::string value = option->get_default_str();
    if (const auto found = resolved.find(name); found != resolved.end()) {
      value = found->second;
    } else if (option->count() > 0) {
      text += fmt::format("{} = {}\n", name, toml_values(option->reduced_results()));
      continue;
    } else if (option->get_expected_min() == 0) {
      value = "false";
    }
    if (!value.empty()) text += fmt::format("{} = {}\n", name, toml_value(value));
  }
  return text;
}

}  // namespace tilewise::app
