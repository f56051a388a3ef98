#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace tilewise::fuzz {

/// A file of these bytes that has a name but is on no disk.
class MemoryFile {
 public:
  MemoryFile(const std::uint8_t* bytes, std::size_t size) : descriptor_(memfd_create("fuzz", MFD_CLOEXEC)) {
    if (descriptor_ < 0 || write(descriptor_, bytes, size) != static_cast<ssize_t>(size)) std::abort();
  }
  ~MemoryFile() { close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

/// Calls read(path) for a file of these bytes. It may refuse them with an E; anything else is a finding.
template <class E, class Read>
int read_bytes(const std::uint8_t* bytes, std::size_t size, Read read) {
  const MemoryFile file(bytes, size);
  try {
    read(file.path());
  } catch (const E&) {
  }
  return 0;
}

}  // namespace tilewise::fuzz
