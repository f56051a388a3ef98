#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace tilewise {

/// Throws FileError "PATH: PROBLEM".
[[noreturn]] void throw_file_error(const std::filesystem::path& path, const std::string& problem);

/// Throws FileError "PATH: ACTION: what the system says", with `error` a value of errno: for
/// example "model.safetensors: cannot write: No space left on device".
[[noreturn]] void throw_system_error(const std::filesystem::path& path, const std::string& action,
                                     int error);

/// An open file without a buffer: what was written has been handed to the system, and no error is
/// found out later. Standard streams are not used for files, for they do not say why they failed.
class PosixFile {
 public:
  enum class Mode {
    read,        ///< an existing regular file: not a folder, a pipe or a device
    create_new,  ///< a new file to write; it must not exist
    append,      ///< a file to read and to write at its end; created when missing
  };

  /// Opens `path`; messages name it `shown_as` instead, when that is given. Throws FileError.
  PosixFile(const std::filesystem::path& path, Mode mode,
            const std::filesystem::path& shown_as = {});
  ~PosixFile();
  PosixFile(PosixFile&& other) noexcept;
  PosixFile& operator=(PosixFile&&) = delete;

  const std::filesystem::path& shown_as() const { return shown_as_; }
  bool is_regular() const { return is_regular_; }

  /// Current size in bytes. Throws FileError.
  std::int64_t size() const;

  /// Fills `bytes` with what the file holds from byte `offset` on; returns how many, fewer than
  /// asked only where the file ends. Throws FileError.
  std::int64_t read_at(std::int64_t offset, std::span<std::byte> bytes) const;

  /// Writes all of `bytes` at the end. Throws FileError, perhaps with a part written.
  void write(std::span<const std::byte> bytes);

  /// Cuts the file back to its first `bytes` bytes. Throws FileError.
  void truncate(std::int64_t bytes);
  /// Tries to, to undo a write that failed.
  void try_truncate(std::int64_t bytes) noexcept;

  /// Whether no other process has the file locked: then this one has, until it closes the file. False, too,
  /// where the file system knows no locks.
  bool try_lock() noexcept;

  /// Waits until the file is on the disk. Throws FileError.
  void sync();

  /// Closes now, for some file systems report a failed write only then. Throws FileError.
  void close();

 private:
  std::filesystem::path shown_as_;
  int descriptor_ = -1;
  bool is_regular_ = false;
};

/// All that a file of at most `most_bytes` holds. Throws FileError, also for a larger file.
std::string read_text(const std::filesystem::path& path, std::int64_t most_bytes);

}  // namespace tilewise
