#include "tilewise/train/atomic_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <random>
#include <string>
#include <system_error>

#include "tilewise/core/error.hpp"
#include "tilewise/train/posix_file.hpp"

namespace tilewise {
namespace {

namespace fs = std::filesystem;

/// The permissions of the file that is about to be replaced, or perms::unknown when there is none.
/// Throws FileError when `target` is something that must not be replaced.
fs::perms check_replaceable(const fs::path& target, const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(target, error);
  if (status.type() == fs::file_type::not_found) return fs::perms::unknown;
  if (status.type() == fs::file_type::none) throw_system_error(path, "cannot write", error.value());
  if (status.type() == fs::file_type::directory) {
    throw_file_error(path, "is a directory, expected a file to write");
  }
  if (status.type() != fs::file_type::regular) {
    throw_file_error(path, "is not a regular file, expected one to replace");
  }
  // A rename needs no right to write to the file; who took that right away wants to keep the file.
  if (::access(target.c_str(), W_OK) != 0) throw_system_error(path, "cannot write", errno);
  return status.permissions();
}

constexpr std::string_view kTemporaryPrefix = ".tilewise-";
constexpr std::string_view kTemporarySuffix = ".tmp";

/// A name that nobody else uses: the number is random, for a process number comes back (in a
/// container it is often the same for every run).
fs::path temporary_name(const fs::path& folder) {
  std::random_device random;
  return folder / std::string(kTemporaryPrefix)
                      .append(std::to_string(random()) + "-" + std::to_string(random()))
                      .append(kTemporarySuffix);
}

/// Removes a file when it goes out of scope, unless told to keep it.
class RemovedOnFailure {
 public:
  explicit RemovedOnFailure(const fs::path& path) : path_(path) {}
  ~RemovedOnFailure() {
    std::error_code ignored;
    if (!kept_) fs::remove(path_, ignored);
  }
  RemovedOnFailure(const RemovedOnFailure&) = delete;
  RemovedOnFailure& operator=(const RemovedOnFailure&) = delete;

  void keep() { kept_ = true; }

 private:
  const fs::path& path_;
  bool kept_ = false;
};

/// Makes the rename last through a power cut. By now the new file is in place, whole, so a folder
/// that cannot be opened or synced is no reason to report a failure.
void try_sync_folder(const fs::path& folder) noexcept {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  [[maybe_unused]] const int ignored = ::fsync(descriptor);
  ::close(descriptor);
}

/// The file that `path` means, and where.
struct Target {
  explicit Target(const fs::path& path) {
    if (!path.has_filename()) throw_file_error(path, "is not the name of a file");
    std::error_code error;
    const fs::path linked = fs::is_symlink(path, error) ? fs::canonical(path, error) : path;
    file = linked.empty() ? path : linked;  // empty: a link that leads nowhere
    permissions = check_replaceable(file, path);
    folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  }

  fs::path file;
  fs::path folder;
  fs::perms permissions;
};

}  // namespace

void write_file_atomically(const fs::path& path,
                           std::span<const std::span<const std::byte>> parts) {
  const Target target(path);
  const fs::path temporary = temporary_name(target.folder);
  PosixFile file(temporary, PosixFile::Mode::create_new, path);
  RemovedOnFailure guard(temporary);
  file.try_lock();  // tells remove_leftovers() that somebody is at it
  // Best effort: not every file system has permissions.
  std::error_code error;
  if (target.permissions != fs::perms::unknown) {
    fs::permissions(temporary, target.permissions, error);
  }
  for (const std::span<const std::byte> part : parts) file.write(part);
  file.sync();
  file.close();
  fs::rename(temporary, target.file, error);
  if (error) throw_system_error(path, "cannot write", error.value());
  guard.keep();
  try_sync_folder(target.folder);
}

void write_file_atomically(const fs::path& path, std::string_view text) {
  const std::span<const std::byte> part = std::as_bytes(std::span(text));
  write_file_atomically(path, std::span(&part, 1));
}

void check_can_write(const fs::path& path) {
  const fs::path temporary = temporary_name(Target(path).folder);
  const PosixFile file(temporary, PosixFile::Mode::create_new, path);
  const RemovedOnFailure guard(temporary);
}

void remove_leftovers(const fs::path& folder) noexcept {
  std::error_code error;
  std::error_code ignored;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(kTemporaryPrefix) || !name.ends_with(kTemporarySuffix)) continue;
    try {
      if (PosixFile(entry->path(), PosixFile::Mode::read).try_lock()) {
        fs::remove(entry->path(), ignored);
      }
    } catch (const FileError&) {
      // A folder, or a file that may not be opened.
    }
  }
}

}  // namespace tilewise
