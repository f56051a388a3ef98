#include "fuzz/memory_file.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/train/image_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  return tilewise::fuzz::read_bytes<tilewise::FileError>(
      bytes, size, [](const auto& path) { tilewise::read_image(path); });
}
