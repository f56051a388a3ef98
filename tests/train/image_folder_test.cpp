#include "tilewise/train/image_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/train/image_file.hpp"

namespace tilewise {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using testing::TempDir;
using testing::throws_line;
using testing::write_bytes;

class ImageFolderTest : public ::testing::Test {
 protected:
  /// A PNG of one brightness.
  void write(const std::string& name, std::uint8_t value, const Shape& shape = {2, 3, 1}) {
    fs::create_directories((folder_ / name).parent_path());
    const std::vector<std::uint8_t> bytes(static_cast<std::size_t>(shape.elements()), value);
    write_png(folder_ / name, shape[0], shape[1], shape[2], bytes);
  }
  Dataset load(Split split, const ImageFolderOptions& options = {}) {
    return load_image_folder(folder_.path(), split, options);
  }
  template <class E = FileError, class... Parts>
  void expect_error(Split split, const Parts&... parts) {
    EXPECT_THAT([&] { load(split); }, throws_line<E>(parts...));
  }
  /// The first byte of each image, and its label.
  static std::vector<std::pair<int, int>> contents(const Dataset& data) {
    std::vector<std::pair<int, int>> result;
    for (std::int64_t i = 0; i < data.size(); ++i) result.emplace_back(data.image(i)[0], data.label(i));
    return result;
  }

  TempDir folder_;
};

TEST_F(ImageFolderTest, ReadsTrainAndTest) {
  write("train/zebra/1.png", 1);
  write("train/zebra/2.PNG", 2);
  write("train/ape/10.png", 3);
  write("train/ape/9.png", 4);
  write("test/zebra/a.png", 5);
  write_bytes(folder_ / "train" / "ape" / "notes.txt", "no picture");
  write_bytes(folder_ / "train" / "ape" / ".hidden.png", "no picture");
  write_bytes(folder_ / "train" / "README", "no class");
  fs::create_directory(folder_ / "train" / ".cache");
  const Dataset train = load(Split::train);
  EXPECT_THAT(train.class_names(), ElementsAre("ape", "zebra"));
  EXPECT_EQ(train.image_shape(), (Shape{2, 3, 1}));
  EXPECT_THAT(contents(train), ElementsAre(std::pair(3, 0), std::pair(4, 0), std::pair(1, 1), std::pair(2, 1)));
  const Dataset test = load(Split::test);
  EXPECT_THAT(test.class_names(), ElementsAre("ape", "zebra"));
  EXPECT_THAT(contents(test), ElementsAre(std::pair(5, 1)));
}

TEST_F(ImageFolderTest, SplitsASingleFolder) {
  for (int i = 0; i < 12; ++i) write("a/" + std::to_string(100 + i) + ".png", static_cast<std::uint8_t>(i));
  for (int i = 0; i < 3; ++i) write("b/" + std::to_string(i) + ".png", static_cast<std::uint8_t>(50 + i));
  EXPECT_THAT(contents(load(Split::test)), ElementsAre(std::pair(4, 0), std::pair(9, 0)));
  const auto train = contents(load(Split::train));
  EXPECT_EQ(train.size(), 13U);
  EXPECT_EQ(train[4], std::pair(5, 0));
  EXPECT_EQ(train[12], std::pair(52, 1));
  EXPECT_THAT(contents(load(Split::test, {.test_every = 3})),
              ElementsAre(std::pair(2, 0), std::pair(5, 0), std::pair(8, 0), std::pair(11, 0), std::pair(52, 1)));
  EXPECT_THAT([&] { load(Split::test, {.test_every = 1}); }, throws_line<ArgumentError>("every 1 ", "at least 2"));
}

TEST_F(ImageFolderTest, TooFewToSplit) {
  write("a/1.png", 1);
  EXPECT_EQ(load(Split::train).size(), 1);
  expect_error(Split::test, folder_.path().string(), "no class of 5 images or more");
}

TEST_F(ImageFolderTest, ShapesHaveToAgree) {
  write("a/1.png", 1);
  write("a/2.png", 2);
  write("b/1.png", 3, {2, 4, 1});
  expect_error(Split::train, (folder_ / "b/1.png").string(), "(2, 4, 1), expected (2, 3, 1)",
               (folder_ / "a/1.png").string(), "resize");
  write("b/1.png", 3, {2, 3, 3});
  expect_error(Split::train, "(2, 3, 3), expected (2, 3, 1)");
}

TEST_F(ImageFolderTest, ResizesAndConverts) {
  write("a/1.png", 10);
  write("a/2.png", 20, {9, 7, 3});
  for (const std::int64_t channels : {1, 3}) {
    const Dataset data = load(Split::train, {.image_shape = Shape{4, 5, channels}});
    EXPECT_EQ(data.image_shape(), (Shape{4, 5, channels}));
    for (std::int64_t i = 0; i < data.image_shape().elements(); ++i) {
      EXPECT_EQ(data.image(0)[i], 10);
      EXPECT_EQ(data.image(1)[i], 20);
    }
  }
  EXPECT_THAT([&] { load(Split::train, {.image_shape = Shape{4, 5}}); }, throws_line<ShapeError>("(4, 5)"));
  EXPECT_THAT([&] { load(Split::train, {.image_shape = Shape{4, 5, 2}}); }, throws_line<ShapeError>("(4, 5, 2)"));
  EXPECT_THAT([&] { load(Split::train, {.image_shape = Shape{0, 5, 1}}); }, throws_line<ShapeError>("(0, 5, 1)"));
}

TEST_F(ImageFolderTest, FoldersThatDoNotFit) {
  expect_error(Split::train, folder_.path().string(), "has no folders");
  write("train/a/1.png", 1);
  expect_error(Split::test, (folder_ / "test").string(), "No such file or directory");
  write("test/b/1.png", 1);
  expect_error(Split::test, (folder_ / "test/b").string(), "is no class of", (folder_ / "train").string());
  fs::create_directory(folder_ / "train/c");
  expect_error(Split::train, (folder_ / "train/c").string(), "has no PNG image");
  EXPECT_THAT([&] { load_image_folder(folder_ / "train/a/1.png", Split::train); },
              throws_line<FileError>("1.png", "Not a directory"));
}

TEST_F(ImageFolderTest, ImagesThatCannotBeRead) {
  write("a/1.png", 1);
  write_bytes(folder_ / "a" / "2.png", "not a picture");
  expect_error(Split::train, (folder_ / "a/2.png").string(), "not a PNG image");
  const std::string whole = testing::read_bytes(folder_ / "a/1.png");
  write_bytes(folder_ / "a" / "2.png", whole.substr(0, whole.size() - 20));
  expect_error(Split::train, (folder_ / "a/2.png").string(), "truncated");
  fs::remove(folder_ / "a/2.png");
  fs::create_directory(folder_ / "a/2.png");
  expect_error(Split::train, (folder_ / "a/2.png").string(), "is a directory, expected a file");
  fs::remove(folder_ / "a/2.png");
  fs::create_symlink("nowhere", folder_ / "a/2.png");
  expect_error(Split::train, (folder_ / "a/2.png").string(), "No such file or directory");
}

}  // namespace
}  // namespace tilewise
