#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "apps/commands.hpp"
#include "apps/config_file.hpp"
#include "apps/exit_status.hpp"
#include "apps/help_formatter.hpp"
#include "apps/options.hpp"
#include "tilewise/core/error.hpp"

namespace tilewise::app {
namespace {

int run(int argc, char** argv) {
  CLI::App app{
      "Tilewise trains convolutional networks on multicore CPUs.\n"
      "Start with 'tilewise train'; 'tilewise COMMAND --help' explains each command.",
      "tilewise"};
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_version_flag("--version", "tilewise " TILEWISE_VERSION);
  app.require_subcommand(1);
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return fmt::format("tilewise: {} (see tilewise --help)\n", printable(error.what()));
  });
  app.footer(
      "Environment:\n"
      "  TILEWISE_NUM_THREADS  number of threads, unless --threads says otherwise; then\n"
      "                        OMP_NUM_THREADS; then what affinity and cgroup allow\n"
      "  TILEWISE_ISA          instruction set to use instead of the best: sse2, avx2,\n"
      "                        avx512, or neon; it must be one that this machine has\n"
      "  TILEWISE_AVX512_HALVES\n"
      "                        0 or 1: kernels of AVX-512 as for a CPU that takes its\n"
      "                        vectors whole, or in halves, whatever this one does\n"
      "Exit status:\n"
      "  0 success, 1 failure, 2 wrong usage, 3 training diverged, 130 or 143 stopped\n"
      "  by a signal");
  std::vector<Command> commands;
  for (const auto add : {add_train_command, add_evaluate_command, add_predict_command,
                         add_samples_command, add_summary_command, add_profile_command,
                         add_info_command, add_convert_command, add_completion_command}) {
    commands.push_back(add(app));
  }
  const auto is_asked_for = [&](const CLI::App* command) { return command->get_name() == argv[1]; };
  if (argc > 1 && argv[1][0] != '-' && app.get_subcommands(is_asked_for).empty()) {
    throw ArgumentError(fmt::format("unknown command '{}' (see tilewise --help)", argv[1]));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitSuccess : kExitUsage;
  }
  for (const Command& command : commands) {
    if (!command.app->parsed()) continue;
    apply_config(*command.app);
    return command.run();
  }
  return kExitUsage;
}

/// Output that was lost, to a full disk say, is a failure like any other.
int flush_output(int exit_code) {
  if (std::fflush(stdout) != 0) {
    throw FileError(fmt::format("standard output: {}", std::strerror(errno)));
  }
  return exit_code;
}

/// Not by fmt, which throws where standard error cannot be written to: nothing is to leave main.
int report(const char* what, int code) {
  std::fprintf(stderr, "tilewise: %s\n", printable(what).c_str());
  return code;
}

}  // namespace
}  // namespace tilewise::app

int main(int argc, char** argv) {
  using namespace tilewise::app;
  try {
    return flush_output(run(argc, argv));
  } catch (const tilewise::DivergedError& error) {
    return report(error.what(), kExitDiverged);
  } catch (const tilewise::ArgumentError& error) {
    return report(error.what(), kExitUsage);
  } catch (const std::bad_alloc&) {
    return report("out of memory", kExitFailure);
  } catch (const std::exception& error) {
    return report(error.what(), kExitFailure);
  }
}
