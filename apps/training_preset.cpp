#include "apps/training_preset.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

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

}  // namespace

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

void apply_preset(CLI::App& command) {
  const CLI::Option* const option = command.get_option(kPreset);
  if (option->count() == 0) return;
  const auto name = option->as<std::string>();
  const auto preset = std::ranges::find(kPresets, name, &TrainingPreset::name);
  apply_config_text(command, "--preset " + name, std::string(preset->options));
}

}  // namespace tilewise::app
