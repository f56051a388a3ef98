#include "fuzz/readers.hpp"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <string>
#include <vector>

#include "apps/config_file.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/train/cifar10.hpp"
#include "tilewise/train/idx.hpp"
#include "tilewise/train/image_file.hpp"
#include "tilewise/train/model_json.hpp"
#include "tilewise/train/safetensors.hpp"

namespace tilewise::fuzz {
namespace {

namespace fs = std::filesystem;

/// As the test images of a data set, in a folder with nothing but a link to the file.
void read_cifar10(const fs::path& path) {
  static const fs::path folder = [] {
    std::string name = (fs::temp_directory_path() / "tilewise-fuzz-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    return fs::path(name);
  }();
  const fs::path link = folder / "test_batch.bin";
  fs::remove(link);
  fs::create_symlink(fs::absolute(path), link);
  try {
    load_cifar10(folder, Split::test);
  } catch (const FileError& error) {
    const std::string text = error.what();
    if (!text.starts_with(link.string())) throw;
    throw FileError(path.string() + text.substr(link.string().size()));
  }
}

/// What is read can be written, and that is read again.
void read_network(const fs::path& path) {
  const Sequential network = read_model_json(path);
  const std::string text = to_json(network);
  if (to_json(model_from_json(text, "again")) != text) std::abort();
}

/// Of a command with an option of each kind.
void read_config(const fs::path& path) {
  CLI::App app;
  CLI::App& command = *app.add_subcommand("train");
  std::string text, choice;
  int number = 0;
  double real = 0;
  std::vector<std::string> list;
  bool flag = false;
  command.add_option("--model", text);
  command.add_option("--optimizer", choice)->check(CLI::IsMember({"adam", "sgd"}));
  command.add_option("--epochs", number)->check(CLI::Range(1, 1'000'000));
  command.add_option("--lr", real);
  command.add_option("--without", list)->delimiter(',');
  command.add_flag("--profile", flag);
  app::add_config(command);
  try {
    app::apply_config(command, path.string());
  } catch (const ArgumentError& error) {
    throw FileError(error.what());
  }
}

constexpr Reader kReaders[] = {
    {"cifar10", read_cifar10},
    {"config", read_config},
    {"idx", [](const fs::path& path) { read_idx(path); }},
    {"model_json", read_network},
    {"png", [](const fs::path& path) { read_image(path); }},
    {"safetensors", [](const fs::path& path) { read_safetensors(path); }},
};

}  // namespace

std::span<const Reader> readers() { return kReaders; }

}  // namespace tilewise::fuzz
