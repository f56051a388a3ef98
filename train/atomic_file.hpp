#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

namespace tilewise {

/// Makes `path` a file that holds `parts` one after the other, all or nothing: they are written
/// under a temporary name in the same folder, synced to the disk, and renamed. Whatever fails, and
/// whenever the process or the machine dies, `path` is the old file (or none) or the whole new one.
///
/// A file that is replaced keeps its permissions, and a symbolic link stays a link. What is not a
/// regular file (a folder, /dev/null) and what the caller may not write to is refused.
///
/// Throws FileError, after removing the temporary file. A killed process may leave one behind, which
/// remove_leftovers() removes.
void write_file_atomically(const std::filesystem::path& path,
                           std::span<const std::span<const std::byte>> parts);

/// The same with the bytes of `text`.
void write_file_atomically(const std::filesystem::path& path, std::string_view text);

/// Throws now what write_file_atomically() would throw as things stand: before an hour of work whose
/// result is to be written there.
void check_can_write(const std::filesystem::path& path);

/// Removes from `folder` the temporary files, .tilewise-*.tmp, of processes that were killed, not of those that
/// write just now. Best effort: what cannot be removed stays.
void remove_leftovers(const std::filesystem::path& folder) noexcept;

}  // namespace tilewise
