#include "tilewise/train/cifar10.hpp"

#include <cstddef>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "tilewise/train/posix_file.hpp"

namespace tilewise {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSide = 32;
constexpr std::int64_t kPlane = kSide * kSide;
constexpr std::int64_t kChannels = 3;
constexpr std::int64_t kImageBytes = kChannels * kPlane;
constexpr std::int64_t kRecordBytes = 1 + kImageBytes;

std::vector<std::string> class_names() {
  return {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};
}

std::vector<std::string> file_names(Split split) {
  if (split == Split::test) return {"test_batch.bin"};
  return {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
          "data_batch_5.bin"};
}

/// What exists but cannot be looked at is left to the reader, which will say why.
bool may_exist(const fs::path& path) {
  std::error_code error;
  return fs::status(path, error).type() != fs::file_type::not_found;
}

struct BatchFile {
  explicit BatchFile(const fs::path& path) : file(path, PosixFile::Mode::read), bytes(file.size()) {
    if (bytes == 0 || bytes % kRecordBytes != 0) {
      throw_file_error(path, std::to_string(bytes) + " bytes, expected a multiple of " +
                                 std::to_string(kRecordBytes) +
                                 ": a label and 32 x 32 pixels of 3 bytes each");
    }
  }
  PosixFile file;
  std::int64_t bytes;  ///< when it was opened
};

/// Planes of one channel each to pixels of three.
void interleave(const std::byte* planes, std::uint8_t* pixels) {
  for (std::int64_t i = 0; i < kImageBytes; ++i) {
    pixels[i] = std::to_integer<std::uint8_t>(planes[i % kChannels * kPlane + i / kChannels]);
  }
}

}  // namespace

Dataset load_cifar10(const fs::path& folder, Split split) {
  std::vector<BatchFile> files;
  std::int64_t records = 0;
  for (const std::string& name : file_names(split)) {
    if (!may_exist(folder / name)) {
      throw_file_error(folder, "has no " + name + "; scripts/fetch_data.sh cifar-10 gets CIFAR-10");
    }
    records += files.emplace_back(folder / name).bytes / kRecordBytes;
  }
  const std::vector<std::string> names = class_names();
  AlignedBuffer<std::uint8_t> images(checked_product(records, kImageBytes));
  std::vector<std::int32_t> labels;
  for (const auto& [file, size] : files) {
    std::vector<std::byte> bytes(static_cast<std::size_t>(size));
    if (file.read_at(0, bytes) != size) {
      throw_file_error(file.shown_as(), "truncated while it was read");
    }
    for (std::size_t at = 0; at < bytes.size(); at += kRecordBytes) {
      const auto label = std::to_integer<std::int32_t>(bytes[at]);
      if (std::cmp_greater_equal(label, names.size())) {
        throw_file_error(file.shown_as(), "label " + std::to_string(at / kRecordBytes) + " is " +
                                              std::to_string(label) + ", expected 0 to " +
                                              std::to_string(names.size() - 1));
      }
      interleave(bytes.data() + at + 1,
                 images.data() + static_cast<std::int64_t>(labels.size()) * kImageBytes);
      labels.push_back(label);
    }
  }
  return Dataset(Shape{kSide, kSide, kChannels}, static_cast<int>(names.size()), std::move(images),
                 std::move(labels), names);
}

bool has_cifar10(const fs::path& folder) {
  return may_exist(folder / file_names(Split::train).front()) || may_exist(folder / "test_batch.bin");
}

}  // namespace tilewise
