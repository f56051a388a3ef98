#include "tilewise/train/load_dataset.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "support/error_matchers.hpp"
#include "support/idx_writer.hpp"
#include "support/temp_dir.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/train/image_file.hpp"

namespace tilewise {
namespace {

using testing::counting_values;
using testing::Packing;
using testing::TempDir;
using testing::throws_line;
using testing::write_bytes;
using testing::write_idx;

class LoadDatasetTest : public ::testing::Test {
 protected:
  Dataset load(Split split) { return load_dataset(folder_.path(), split); }
  void write_split(const std::string& prefix, std::uint32_t count, const std::string& labels) {
    write_idx(folder_ / (prefix + "-images-idx3-ubyte"), {count, 2, 3}, counting_values(count * 6));
    write_idx(folder_ / (prefix + "-labels-idx1-ubyte"), {count}, labels);
  }

  TempDir folder_;
};

TEST_F(LoadDatasetTest, IdxHasAsManyClassesAsItsLabelsSay) {
  write_split("train", 3, "\x01\x19\x02");
  write_split("t10k", 2, std::string("\0\x03", 2));
  EXPECT_EQ(load(Split::train).classes(), 26);
  EXPECT_EQ(load(Split::train).class_names()[25], "25");
  EXPECT_EQ(load(Split::test).classes(), 26);  // as in training
  EXPECT_EQ(load(Split::test).size(), 2);
  write_split("t10k", 2, "\x03\x20");
  EXPECT_EQ(load(Split::test).classes(), 33);
  std::filesystem::remove(folder_ / "train-labels-idx1-ubyte");
  write_split("t10k", 1, "\x03");
  EXPECT_EQ(load(Split::test).classes(), 4);
}

TEST_F(LoadDatasetTest, IdxMayHaveChannelsAndOtherNames) {
  write_idx(folder_ / "train-images.idx4-ubyte.gz", {2, 4, 5, 3}, counting_values(120), Packing::gzip);
  write_idx(folder_ / "train-labels.idx1-ubyte", {2}, "\x01\x02");
  const Dataset data = load(Split::train);
  EXPECT_EQ(data.image_shape(), (Shape{4, 5, 3}));
  EXPECT_EQ(data.image(1)[3], 63);
  EXPECT_THAT([&] { load(Split::test); },
              throws_line<FileError>("has no t10k-images-idx3-ubyte", "scripts/fetch_data.sh"));
}

TEST_F(LoadDatasetTest, IdxOfAnotherRank) {
  write_split("train", 3, "\x01\x02\x03");
  write_idx(folder_ / "train-images-idx3-ubyte", {18}, counting_values(18));
  EXPECT_THAT([&] { load(Split::train); },
              throws_line<FileError>("train-images-idx3-ubyte", "1 dimensions, expected 3 or 4"));
}

TEST_F(LoadDatasetTest, RecognisesCifar10) {
  write_bytes(folder_ / "test_batch.bin", std::string(3073, '\x01'));
  EXPECT_EQ(load(Split::test).image_shape(), (Shape{32, 32, 3}));
  EXPECT_THAT([&] { load(Split::train); }, throws_line<FileError>("has no data_batch_1.bin"));
}

TEST_F(LoadDatasetTest, RecognisesImageFolders) {
  std::filesystem::create_directories(folder_ / "cat");
  for (const char* name : {"1.png", "2.png"}) write_png(folder_ / "cat" / name, Image(4, 4, 3));
  EXPECT_EQ(load(Split::train).class_names()[0], "cat");
  const Dataset grey = load_dataset(folder_.path(), Split::test,
                                    {.image_folder = {.image_shape = Shape{2, 2, 1}, .test_every = 2}});
  EXPECT_EQ(grey.image_shape(), (Shape{2, 2, 1}));
  EXPECT_EQ(grey.size(), 1);
}

TEST_F(LoadDatasetTest, SaysWhatItLookedFor) {
  const std::string any_data_set = "scripts/fetch_data.sh gets mnist, fashion-mnist or cifar-10";
  std::filesystem::create_directory(folder_ / "empty");
  EXPECT_THAT([&] { load(Split::train); },
              throws_line<FileError>(folder_.path().string(), "train-images-idx3-ubyte", "data_batch_1.bin",
                                     "train/<class>/*.png", any_data_set));
  EXPECT_THAT([&] { load_dataset(folder_ / "none", Split::train); },
              throws_line<FileError>("none: no such folder", any_data_set));
  write_bytes(folder_ / "file", "x");
  EXPECT_THAT([&] { load_dataset(folder_ / "file", Split::train); },
              throws_line<FileError>("file: is not a folder"));
}

TEST_F(LoadDatasetTest, SaysHowToGetTheDatasetOfAFoldersName) {
  const auto expect_hint = [&](const std::string& name, const char* hint) {
    EXPECT_THAT([&] { load_dataset(folder_ / name, Split::train); }, throws_line<FileError>(name, hint));
  };
  expect_hint("mnist", "scripts/fetch_data.sh mnist gets MNIST");
  expect_hint("fashion-mnist", "scripts/fetch_data.sh fashion-mnist gets Fashion-MNIST");
  expect_hint("fashion-mnist/", "scripts/fetch_data.sh fashion-mnist gets Fashion-MNIST");
  expect_hint("cifar-10", "scripts/fetch_data.sh cifar-10 gets CIFAR-10");
  expect_hint("my-mnist", "scripts/fetch_data.sh gets mnist, fashion-mnist or cifar-10");
  std::filesystem::create_directory(folder_ / "fashion-mnist");
  expect_hint("fashion-mnist", "scripts/fetch_data.sh fashion-mnist gets Fashion-MNIST");
  write_bytes(folder_ / "fashion-mnist" / "t10k-labels-idx1-ubyte", "x");
  write_bytes(folder_ / "fashion-mnist" / "t10k-images-idx3-ubyte", "x");
  expect_hint("fashion-mnist", "scripts/fetch_data.sh fashion-mnist gets Fashion-MNIST");
}

}  // namespace
}  // namespace tilewise
