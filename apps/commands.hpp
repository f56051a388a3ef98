#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace tilewise::app {

/// A command of `tilewise`: its options as the parser knows them, and what does its work once they are
/// parsed. That returns the exit status (exit_status.hpp); errors are exceptions.
struct Command {
  CLI::App* app;
  std::function<int()> run;
};

// Each adds its command to the program's; in a file of its own.
Command add_train_command(CLI::App& app);
Command add_evaluate_command(CLI::App& app);
Command add_predict_command(CLI::App& app);
Command add_samples_command(CLI::App& app);
Command add_summary_command(CLI::App& app);
Command add_profile_command(CLI::App& app);
Command add_info_command(CLI::App& app);
Command add_convert_command(CLI::App& app);
Command add_completion_command(CLI::App& app);

}  // namespace tilewise::app
