#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include <map>
#include <string>

#include "apps/commands.hpp"
#include "apps/exit_status.hpp"
#include "tilewise/train/networks.hpp"

namespace tilewise::app {
namespace {

/// What an option takes, if that is a few words: "adam sgd" of "TEXT:{adam,sgd}".
std::string choices(const CLI::Option& option) {
  if (option.check_lname("model")) {
    std::string names;
    for (const NamedNetwork& network : named_networks()) names += std::string(network.name) + " ";
    return names;
  }
  std::string type = option.get_type_name();
  const std::size_t open = type.find('{');
  if (open == std::string::npos) return {};
  type = type.substr(open + 1, type.find('}') - open - 1);
  for (char& c : type) c = c == ',' ? ' ' : c;
  return type;
}

/// "--epochs --lr": the names of all options.
std::string option_names(const CLI::App& command) {
  std::string names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names += " --" + name;
  }
  return names;
}

/// The cases of a command: what follows an option that takes a value, nothing where files are to be
/// completed, and else the options.
std::string cases(const CLI::App& command) {
  std::string text;
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_type_size() == 0) continue;
    for (const std::string& name : option->get_lnames()) {
      text += fmt::format("    {}:--{}) words=\"{}\" ;;\n", command.get_name(), name, choices(*option));
    }
  }
  return text + fmt::format("    {}:*) words=\"{}\" ;;\n", command.get_name(),
                            option_names(command).substr(1));
}

/// A function for bash that fills COMPREPLY. Where it has nothing to offer, bash completes files.
std::string bash_completion(const CLI::App& app) {
  std::string names;
  std::string all_cases;
  for (const CLI::App* command : app.get_subcommands({})) {
    names += command->get_name() + " ";
    all_cases += cases(*command);
  }
  return fmt::format(
      "# Completion of tilewise for bash: source <(tilewise completion bash)\n"
      "_tilewise() {{\n"
      "  local word=${{COMP_WORDS[COMP_CWORD]}} words=\n"
      "  local command=${{COMP_WORDS[1]}} before=${{COMP_WORDS[COMP_CWORD - 1]}}\n"
      "  ((COMP_CWORD > 1)) || command=\n"
      "  case $command:$before in\n"
      "    :*) words=\"{}{}\" ;;\n"
      "{}"
      "  esac\n"
      "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
      "}}\n"
      "complete -o bashdefault -o default -F _tilewise tilewise\n",
      names, option_names(app).substr(1), all_cases);
}

}  // namespace

Command add_completion_command(CLI::App& app) {
  CLI::App& command = *app.add_subcommand("completion", "Completion of commands and options in a shell");
  // There is one, so which it was need not be kept.
  command.add_option_function<std::string>("SHELL", [](const std::string&) {}, "bash")
      ->required()
      ->check(CLI::IsMember({"bash"}));
  command.footer("Example:\n  source <(tilewise completion bash)");
  return {&command, [&app] {
            fmt::print("{}", bash_completion(app));
            return kExitSuccess;
          }};
}

}  // namespace tilewise::app
