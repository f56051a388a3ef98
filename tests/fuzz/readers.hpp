#pragma once

#include <filesystem>
#include <span>
#include <string_view>

namespace tilewise::fuzz {

/// A reader of files that come from elsewhere. It reads the file, or throws FileError with one line that begins
/// with the path; anything else that happens is a mistake of ours.
struct Reader {
  std::string_view format;  ///< also the name of its folder in tests/corpus
  void (*read)(const std::filesystem::path& path);
};

std::span<const Reader> readers();

}  // namespace tilewise::fuzz
