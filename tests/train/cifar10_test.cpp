#include "tilewise/train/cifar10.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"
#include "tilewise/core/error.hpp"

namespace tilewise {
namespace {

using testing::TempDir;
using testing::throws_line;
using testing::write_bytes;

/// An image whose planes are full of `red` and the two numbers after it, but for the second pixel.
std::string record(char label, char red) {
  std::string bytes(1, label);
  for (int c = 0; c < 3; ++c) {
    std::string plane(1024, static_cast<char>(red + c));
    plane[1] = static_cast<char>(100 + c);
    bytes += plane;
  }
  return bytes;
}

class Cifar10Test : public ::testing::Test {
 protected:
  void SetUp() override {
    for (char batch = 1; batch <= 5; ++batch) {
      write_bytes(folder_ / ("data_batch_" + std::to_string(batch) + ".bin"),
                  record(batch, static_cast<char>(10 * batch)) + record(0, 0));
    }
    write_bytes(folder_ / "test_batch.bin", record(9, 40));
  }
  template <class... Parts>
  void expect_error(const Parts&... parts) {
    EXPECT_THAT([&] { load_cifar10(folder_.path(), Split::train); }, throws_line<FileError>(parts...));
  }

  TempDir folder_;
};

TEST_F(Cifar10Test, InterleavesPlanes) {
  const Dataset train = load_cifar10(folder_.path(), Split::train);
  EXPECT_EQ(train.image_shape(), (Shape{32, 32, 3}));
  EXPECT_EQ(train.size(), 10);
  EXPECT_EQ(train.classes(), 10);
  EXPECT_EQ(train.class_names()[3], "cat");
  EXPECT_EQ(train.label(4), 3);
  EXPECT_EQ(train.label(5), 0);
  const std::uint8_t* const image = train.image(4);
  for (const int i : {0, 2, 1023}) {
    for (int c = 0; c < 3; ++c) EXPECT_EQ(image[3 * i + c], 30 + c);
  }
  for (int c = 0; c < 3; ++c) EXPECT_EQ(image[3 + c], 100 + c);
  const Dataset test = load_cifar10(folder_.path(), Split::test);
  EXPECT_EQ(test.size(), 1);
  EXPECT_EQ(test.label(0), 9);
}

TEST_F(Cifar10Test, MissingFileNamesFolderAndScript) {
  std::filesystem::remove(folder_ / "data_batch_4.bin");
  expect_error(folder_.path().string(), "has no data_batch_4.bin", "scripts/fetch_data.sh cifar-10");
}

TEST_F(Cifar10Test, WrongSizeContentsOrKind) {
  const auto path = folder_ / "data_batch_2.bin";
  write_bytes(path, "");
  expect_error(path.string(), "0 bytes, expected a multiple of 3073");
  write_bytes(path, record(1, 1).substr(1));
  expect_error(path.string(), "3072 bytes, expected a multiple of 3073");
  write_bytes(path, record(1, 1) + "x");
  expect_error(path.string(), "3074 bytes, expected a multiple of 3073");
  write_bytes(path, record(1, 1) + record(10, 1));
  expect_error(path.string(), "label 1 is 10, expected 0 to 9");
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  expect_error(path.string(), "is a directory, expected a file");
}

}  // namespace
}  // namespace tilewise
