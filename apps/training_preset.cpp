#include "apps/training_preset.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string_view>
#include <utility>

#include "apps/config_file.hpp"

namespace tilewise::app {
namespace {

constexpr const char* kPreset = "--preset";

struct TrainingPreset {
  std::string_view name;
  std::string_view options;  ///< as --config reads them
};

/// For MNIST. How they were found and what they reach is in docs/accuracy.md.
constexpr TrainingPreset kPresets[] = {
    {"fast", R"(
        model = "fast_convnet"
        validation-split = 0
        epochs = 1
        batch-size = 64
        lr = 0.01
        schedule = "one-cycle"
        label-smoothing = 0.1
     )"},
    {"best", R"(
        model = "best_convnet"
        validation-split = 0
        epochs = 24
        batch-size = 128
        lr = 0.005
        schedule = "one-cycle"
        label-smoothing = 0.1
        augment = ["shift=2", "rotate=10", "scale=0.1", "shear=5"]
     )"},
};

std::string name_of(const CLI::Option& option) { return "--" + option.get_lnames().front(); }

/// Whether `text` has the option, and not only a longer one that starts like it.
bool mentions(const std::string& text, const std::string& option) {
  for (std::size_t at = text.find(option); at != std::string::npos; at = text.find(option, at + 1)) {
    const std::size_t end = at + option.size();
    if (end == text.size()) return true;
    if (text[end] != '-' && std::isalnum(static_cast<unsigned char>(text[end])) == 0) return true;
  }
  return false;
}

}  // namespace

AppliedPreset::AppliedPreset(std::string name, std::vector<const CLI::Option*> options)
    : name_(std::move(name)), options_(std::move(options)) {}

std::string AppliedPreset::note(const std::string& message) const {
  std::string list;
  for (const CLI::Option* const option : options_) {
    const std::string name = name_of(*option);
    if (!mentions(message, name)) continue;
    list += fmt::format("{}{} {}", list.empty() ? "" : ", ", name, fmt::join(option->results(), ","));
  }
  return list.empty() ? "" : fmt::format(" (--preset {} sets {}; what is given beside it wins)", name_, list);
}

void add_preset(CLI::App& command) {
  std::vector<std::string> names;
  for (const TrainingPreset& preset : kPresets) names.emplace_back(preset.name);
  command
      .add_option(kPreset,
                  "options for MNIST that go together: fast, 99% in the fewest seconds, or best, the most "
                  "that one network reaches in minutes; what is given beside it wins")
      ->type_name("NAME")
      ->check(CLI::IsMember(names));
}

AppliedPreset apply_preset(CLI::App& command) {
  const CLI::Option* const option = command.get_option(kPreset);
  if (option->count() == 0) return {};
  const auto name = option->as<std::string>();
  const auto preset = std::ranges::find(kPresets, name, &TrainingPreset::name);
  std::vector<const CLI::Option*> options =
      std::as_const(command).get_options([](const CLI::Option* one) { return one->count() == 0; });
  apply_config_text(command, "--preset " + name, std::string(preset->options));
  std::erase_if(options, [](const CLI::Option* one) { return one->count() == 0; });
  return {name, std::move(options)};
}

}  // namespace tilewise::app
