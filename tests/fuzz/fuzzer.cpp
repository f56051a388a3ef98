// libFuzzer's side of a reader, that of TILEWISE_FUZZ_FORMAT.

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "fuzz/readers.hpp"
#include "tilewise/core/error.hpp"

namespace {

/// A file of these bytes that has a name but is on no disk.
class MemoryFile {
 public:
  MemoryFile(const std::uint8_t* bytes, std::size_t size) : descriptor_(memfd_create("fuzz", MFD_CLOEXEC)) {
    if (descriptor_ < 0 || write(descriptor_, bytes, size) != static_cast<ssize_t>(size)) std::abort();
  }
  ~MemoryFile() { close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace tilewise::fuzz;
  static const Reader reader =
      *std::ranges::find(readers(), std::string_view(TILEWISE_FUZZ_FORMAT), &Reader::format);
  const MemoryFile file(bytes, size);
  const std::string path = file.path();
  try {
    reader.read(path);
  } catch (const tilewise::FileError& error) {
    const std::string_view text = error.what();
    if (!text.starts_with(path + ": ") || text.find('\n') != text.npos) std::abort();
  }
  return 0;
}
