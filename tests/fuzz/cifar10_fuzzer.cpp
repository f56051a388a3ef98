#include "fuzz/memory_file.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/train/cifar10.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  namespace fs = std::filesystem;
  return tilewise::fuzz::read_bytes<tilewise::FileError>(bytes, size, [](const fs::path& path) {
    // A folder whose one file is the one in memory.
    static const fs::path folder = [] {
      std::string name = (fs::temp_directory_path() / "tilewise-fuzz-XXXXXX").string();
      if (mkdtemp(name.data()) == nullptr) std::abort();
      return fs::path(name);
    }();
    fs::remove(folder / "test_batch.bin");
    fs::create_symlink(path, folder / "test_batch.bin");
    tilewise::load_cifar10(folder, tilewise::Split::test);
  });
}
