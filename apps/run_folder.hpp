#pragma once

#include <filesystem>

namespace tilewise::app {

/// Where a training run leaves its files. The scripts know these names.
class RunFolder {
 public:
  /// Makes the folder. Throws FileError when it cannot, or when it already holds a run: that is
  /// never overwritten.
  explicit RunFolder(std::filesystem::path path);

  /// Throws FileError when the folder, which need not be there, already holds a run.
  static void check_is_free(const std::filesystem::path& path);

  /// The folder of a run to go on with. Throws FileError when it has no checkpoint.
  static RunFolder to_resume(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path log() const { return path_ / "training.csv"; }
  std::filesystem::path step_log() const { return path_ / "steps.csv"; }
  std::filesystem::path checkpoint() const { return path_ / "checkpoint.safetensors"; }
  std::filesystem::path best() const { return path_ / "best.safetensors"; }
  std::filesystem::path weights() const { return path_ / "model.safetensors"; }
  std::filesystem::path config() const { return path_ / "config.toml"; }
  std::filesystem::path report() const { return path_ / "run.json"; }

 private:
  RunFolder() = default;

  std::filesystem::path path_;
};

/// runs/keras-20261231-235959, from the name of the network (the stem of its file) and the local time.
std::filesystem::path default_run_path(const std::filesystem::path& model);

}  // namespace tilewise::app
