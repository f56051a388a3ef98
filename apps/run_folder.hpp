#pragma once

#include <filesystem>

namespace tilewise::app {

/// Where a training run leaves its files. The scripts know these names.
class RunFolder {
 public:
  /// Makes the folder. Throws FileError when it cannot, or when it already holds a run: that is
  /// never overwritten.
  explicit RunFolder(std::filesystem::path path);

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path log() const { return path_ / "training.csv"; }
  std::filesystem::path weights() const { return path_ / "model.safetensors"; }
  std::filesystem::path config() const { return path_ / "config.toml"; }
  std::filesystem::path report() const { return path_ / "run.json"; }

 private:
  std::filesystem::path path_;
};

/// runs/keras-20261231-235959, from the name of the network (the stem of its file) and the local time.
std::filesystem::path default_run_path(const std::filesystem::path& model);

}  // namespace tilewise::app
