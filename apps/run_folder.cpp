#include "apps/run_folder.hpp"

#include <ctime>
#include <system_error>
#include <utility>

#include "tilewise/core/error.hpp"

namespace tilewise::app {

RunFolder::RunFolder(std::filesystem::path path) : path_(std::move(path)) {
  for (const auto& file : {log(), step_log(), checkpoint(), best(), weights(), config(), report()}) {
    if (std::error_code ignored; std::filesystem::exists(file, ignored)) {
      throw FileError(path_.string() + ": already holds a run (" + file.filename().string() +
                      "); choose another --output or remove it");
    }
  }
  std::error_code error;
  std::filesystem::create_directories(path_, error);
  if (error) throw FileError(path_.string() + ": cannot make the folder: " + error.message());
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
