#include "tilewise/train/posix_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "tilewise/core/error.hpp"

namespace tilewise {
namespace {

int open_flags(PosixFile::Mode mode) {
  switch (mode) {
    // Without O_NONBLOCK, opening a named pipe waits for somebody to write to it.
    case PosixFile::Mode::read: return O_RDONLY | O_CLOEXEC | O_NONBLOCK;
    case PosixFile::Mode::create_new: return O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    case PosixFile::Mode::append: break;
  }
  return O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC;
}

}  // namespace

void throw_file_error(const std::filesystem::path& path, const std::string& problem) {
  throw FileError(path.string() + ": " + problem);
}

void throw_system_error(const std::filesystem::path& path, const std::string& action, int error) {
  throw_file_error(path, action + ": " + std::generic_category().message(error));
}

PosixFile::PosixFile(const std::filesystem::path& path, Mode mode,
                     const std::filesystem::path& shown_as)
    : shown_as_(shown_as.empty() ? path : shown_as) {
  constexpr mode_t kPermissions = 0666;  // less what the user's umask takes away
  do {
    descriptor_ = ::open(path.c_str(), open_flags(mode), kPermissions);
  } while (descriptor_ < 0 && errno == EINTR);
  if (descriptor_ < 0) {
    throw_system_error(shown_as_, mode == Mode::read ? "cannot open" : "cannot write", errno);
  }

  struct stat status{};
  const bool known = ::fstat(descriptor_, &status) == 0;
  is_regular_ = known && S_ISREG(status.st_mode);
  if (mode == Mode::read && !is_regular_) {
    // The destructor does not run for an object whose constructor throws.
    ::close(descriptor_);
    throw_file_error(shown_as_, known && S_ISDIR(status.st_mode)
                                    ? "is a directory, expected a file"
                                    : "is not a regular file, expected one");
  }
}

PosixFile::PosixFile(PosixFile&& other) noexcept
    : shown_as_(std::move(other.shown_as_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      is_regular_(other.is_regular_) {}

PosixFile::~PosixFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::int64_t PosixFile::size() const {
  struct stat status{};
  if (::fstat(descriptor_, &status) != 0) throw_system_error(shown_as_, "cannot read", errno);
  return status.st_size;
}

std::int64_t PosixFile::read_at(std::int64_t offset, std::span<std::byte> bytes) const {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = ::pread(descriptor_, bytes.data() + done, bytes.size() - done,
                                  offset + static_cast<std::int64_t>(done));
    if (count == 0) break;
    if (count > 0) {
      done += static_cast<std::size_t>(count);
    } else if (errno != EINTR) {
      throw_system_error(shown_as_, "cannot read", errno);
    }
  }
  return static_cast<std::int64_t>(done);
}

void PosixFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      throw_system_error(shown_as_, "cannot write", errno);
    }
  }
}

void PosixFile::truncate(std::int64_t bytes) {
  if (::ftruncate(descriptor_, bytes) != 0) throw_system_error(shown_as_, "cannot write", errno);
}

void PosixFile::try_truncate(std::int64_t bytes) noexcept {
  [[maybe_unused]] const int ignored = ::ftruncate(descriptor_, bytes);
}

bool PosixFile::try_lock() noexcept { return ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0; }

void PosixFile::sync() {
  // Pipes, devices and some network file systems cannot sync, and say so: that is no failure.
  if (::fsync(descriptor_) != 0 && errno != EINVAL && errno != ENOTSUP) {
    throw_system_error(shown_as_, "cannot write", errno);
  }
}

void PosixFile::close() {
  const int descriptor = std::exchange(descriptor_, -1);
  // After EINTR the descriptor is closed all the same.
  if (descriptor >= 0 && ::close(descriptor) != 0 && errno != EINTR) {
    throw_system_error(shown_as_, "cannot write", errno);
  }
}

std::string read_text(const std::filesystem::path& path, std::int64_t most_bytes) {
  const PosixFile file(path, PosixFile::Mode::read);
  const std::int64_t size = file.size();
  if (size > most_bytes) {
    throw_file_error(path, "holds " + std::to_string(size) + " bytes, expected at most " +
                               std::to_string(most_bytes));
  }
  std::string text(static_cast<std::size_t>(size), '\0');
  text.resize(static_cast<std::size_t>(
      file.read_at(0, std::as_writable_bytes(std::span(text.data(), text.size())))));
  return text;
}

}  // namespace tilewise
