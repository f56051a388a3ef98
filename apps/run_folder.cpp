#include "apps/run_folder.hpp"

#include <ctime>
#include <system_error>
#include <utility>

#include "tilewise/core/error.hpp"

namespace tilewise::app {

RunFolder::RunFolder(std::filesystem::path path) : path_(std::move(path)) {
  check_is_free(path_);
  std::error_code error;
  std::filesystem::create_directories(path_, error);
  if (error) throw FileError(path_.string() + ": cannot make the folder: " + error.message());
}

void RunFolder::check_is_free(const std::filesystem::path& path) {
  RunFolder folder;
  folder.path_ = path;
  for (const auto& file : {folder.log(), folder.step_log(), folder.checkpoint(), folder.best(),
                           folder.weights(), folder.config(), folder.report()}) {
    if (std::error_code ignored; std::filesystem::exists(file, ignored)) {
      throw FileError(path.string() + ": already holds a run (" + file.filename().string() +
                      "); choose another --output or remove it");
    }
  }
}

RunFolder RunFolder::to_resume(const std::filesystem::path& path) {
  RunFolder folder;
  folder.path_ = path;
  for (const auto& file : {folder.config(), folder.checkpoint()}) {
    if (std::error_code ignored; !std::filesystem::exists(file, ignored)) {
      throw FileError(path.string() + ": nothing to resume, there is no " + file.filename().string());
    }
  }
  return folder;
}

std::filesystem::path default_run_path(const std::filesystem::path& model) {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  char time[32];
  std::strftime(time, sizeof(time), "-%Y%m%d-%H%M%S", &local);
  return std::filesystem::path("runs") / (model.stem().string() + time);
}

}  // namespace tilewise::app
