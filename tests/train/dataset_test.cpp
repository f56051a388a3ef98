#include "tilewise/train/dataset.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <type_traits>
#include <vector>

#include "support/error_matchers.hpp"
#include "support/idx_writer.hpp"
#include "support/temp_dir.hpp"
#include "tilewise/core/error.hpp"

namespace tilewise {
namespace {

using testing::counting_values;
using testing::Packing;
using testing::TempDir;
using testing::throws_line;
using testing::write_bytes;
using testing::write_idx;

// A view of a temporary would outlive what it looks at.
static_assert(std::is_convertible_v<const Dataset&, DatasetView>);
static_assert(!std::is_constructible_v<DatasetView, Dataset>);

AlignedBuffer<std::uint8_t> counting_bytes(std::int64_t size) {
  AlignedBuffer<std::uint8_t> bytes(size);
  for (std::int64_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i);
  return bytes;
}

/// `samples` images of one pixel, with the value and the label i % 10.
Dataset small_dataset(std::int64_t samples) {
  AlignedBuffer<std::uint8_t> images(samples);
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < samples; ++i) {
    images[i] = static_cast<std::uint8_t>(i % 10);
    labels.push_back(static_cast<std::int32_t>(i % 10));
  }
  return Dataset(Shape{1, 1, 1}, 10, std::move(images), std::move(labels));
}

TEST(DatasetTest, GivesImagesAndLabels) {
  const Dataset dataset(Shape{2, 3, 2}, 4, counting_bytes(36), {3, 0, 1});
  EXPECT_EQ(dataset.image_shape(), (Shape{2, 3, 2}));
  EXPECT_EQ(dataset.classes(), 4);
  EXPECT_EQ(dataset.size(), 3);
  EXPECT_EQ(dataset.image(0)[0], 0);
  EXPECT_EQ(dataset.image(2)[0], 24);
  EXPECT_EQ(dataset.image(2)[11], 35);
  EXPECT_EQ(dataset.label(0), 3);
  EXPECT_EQ(dataset.label(2), 1);
}

TEST(DatasetTest, ChecksItsArguments) {
  EXPECT_THAT([] { Dataset(Shape{2, 2}, 4, counting_bytes(4), {0}); },
              throws_line<ShapeError>("(2, 2)", "expected (h, w, c)"));
  EXPECT_THAT([] { Dataset(Shape{2, 0, 1}, 4, counting_bytes(0), {0}); },
              throws_line<ShapeError>("(2, 0, 1)", "each at least 1"));
  EXPECT_THAT([] { Dataset(Shape{2, 2, 1}, 4, counting_bytes(7), {0, 1}); },
              throws_line<ShapeError>("7 bytes", "expected 2", "(2, 2, 1)"));
  EXPECT_THAT([] { Dataset(Shape{2, 2, 1}, 4, counting_bytes(0), {}); },
              throws_line<ArgumentError>("no samples"));
  EXPECT_THAT([] { Dataset(Shape{1, 1, 1}, 4, counting_bytes(2), {0, 4}); },
              throws_line<ArgumentError>("label 1 is 4, expected 0 to 3"));
  EXPECT_THAT([] { Dataset(Shape{1, 1, 1}, 4, counting_bytes(2), {-1, 0}); },
              throws_line<ArgumentError>("label 0 is -1, expected 0 to 3"));
}

TEST(DatasetTest, NamesItsClasses) {
  const Dataset numbered(Shape{1, 1, 1}, 3, counting_bytes(2), {0, 2});
  EXPECT_THAT(numbered.class_names(), ::testing::ElementsAre("0", "1", "2"));
  const Dataset named(Shape{1, 1, 1}, 2, counting_bytes(1), {1}, {"cat", "dog"});
  EXPECT_THAT(named.class_names(), ::testing::ElementsAre("cat", "dog"));
  EXPECT_THAT(DatasetView(named).class_names(), ::testing::ElementsAre("cat", "dog"));
  EXPECT_THAT([] { Dataset(Shape{1, 1, 1}, 2, counting_bytes(1), {1}, {"cat"}); },
              throws_line<ArgumentError>("1 class names, expected 2"));
}

TEST(DatasetViewTest, LooksAtConsecutiveSamples) {
  const Dataset dataset(Shape{1, 2, 1}, 10, counting_bytes(10), {5, 6, 7, 8, 9});
  const DatasetView all = dataset;
  EXPECT_EQ(all.size(), 5);
  EXPECT_EQ(all.image(0), dataset.image(0));
  EXPECT_EQ(all.image_shape(), dataset.image_shape());
  EXPECT_EQ(all.classes(), 10);

  const DatasetView some(dataset, 1, 3);
  EXPECT_EQ(some.size(), 3);
  EXPECT_EQ(some.image(0), dataset.image(1));
  EXPECT_EQ(some.label(2), 8);
  EXPECT_EQ(DatasetView(dataset, 5, 0).size(), 0);
}

TEST(DatasetViewTest, ChecksItsRange) {
  const Dataset dataset = small_dataset(5);
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  EXPECT_THROW(DatasetView(dataset, -1, 2), ArgumentError);
  EXPECT_THROW(DatasetView(dataset, 0, -1), ArgumentError);
  EXPECT_THROW(DatasetView(dataset, 6, 0), ArgumentError);
  EXPECT_THROW(DatasetView(dataset, kMost, kMost), ArgumentError);
  EXPECT_THAT([&] { DatasetView(dataset, 3, 3); },
              throws_line<ArgumentError>("3 samples from 3 on, but there are 5"));
}

TEST(SplitValidationTest, TakesTheLastSamples) {
  const Dataset dataset = small_dataset(10);
  const auto [training, validation] = split_validation(dataset, 0.2);
  EXPECT_EQ(training.size(), 8);
  EXPECT_EQ(training.label(0), 0);
  EXPECT_EQ(training.label(7), 7);
  EXPECT_EQ(validation.size(), 2);
  EXPECT_EQ(validation.label(0), 8);
  EXPECT_EQ(validation.label(1), 9);
}

// What Python computes for int(math.floor(n * (1.0 - fraction))). 1.0 - 0.9 is a little less than
// 0.1, so one sample more than one might think goes to validation.
TEST(SplitValidationTest, RoundsAsKerasDoes) {
  const Dataset dataset = small_dataset(1000);
  EXPECT_EQ(split_validation(dataset, 0.1).first.size(), 900);
  EXPECT_EQ(split_validation(dataset, 0.9).first.size(), 99);
  EXPECT_EQ(split_validation(dataset, 1.0 / 3).first.size(), 666);
  EXPECT_EQ(split_validation(dataset, 0.0004).first.size(), 999);
  EXPECT_EQ(split_validation(dataset, 0.0004).second.size(), 1);
}

TEST(SplitValidationTest, ZeroKeepsAllForTraining) {
  const Dataset dataset = small_dataset(3);
  EXPECT_EQ(split_validation(dataset, 0).first.size(), 3);
  EXPECT_EQ(split_validation(dataset, 0).second.size(), 0);
}

TEST(SplitValidationTest, ChecksTheFraction) {
  const Dataset dataset = small_dataset(10);
  const std::vector<std::pair<double, std::string>> fractions = {
      {-0.1, "-0.1:"}, {1.0, "1:"}, {1.5, "1.5:"},
      {std::numeric_limits<double>::infinity(), "inf:"}, {std::numeric_limits<double>::quiet_NaN(), "nan:"}};
  for (const auto& fraction : fractions) {
    EXPECT_THAT([&] { split_validation(dataset, fraction.first); },
                throws_line<ArgumentError>("validation fraction " + fraction.second,
                                           "at least 0 and less than 1"));
  }
  EXPECT_THAT([&] { split_validation(dataset, 0.95); },
              throws_line<ArgumentError>("0.95", "10 samples", "none for training"));
  EXPECT_THAT([&] { split_validation(dataset, 1e-18); },
              throws_line<ArgumentError>("fraction 1e-18 of 10 samples", "none for validation"));
}

/// Small files with MNIST's names: 3 images of 2 x 4 for training, 2 for testing.
class LoadMnistTest : public ::testing::Test {
 protected:
  void SetUp() override {
    write_idx(folder_ / "train-images-idx3-ubyte", {3, 2, 4}, counting_values(24));
    write_idx(folder_ / "train-labels-idx1-ubyte", {3}, "\x09\x01\x02");
    write_idx(folder_ / "t10k-images-idx3-ubyte.gz", {2, 2, 4}, counting_values(16), Packing::gzip);
    write_idx(folder_ / "t10k-labels-idx1-ubyte.gz", {2}, "\x04\x05", Packing::gzip);
  }

  template <class... Parts>
  void expect_error(const Parts&... parts) {
    EXPECT_THAT([&] { load_mnist(folder_.path(), Split::train); },
                throws_line<FileError>(folder_.path().string(), parts...));
  }

  TempDir folder_;
};

TEST_F(LoadMnistTest, LoadsPlainFiles) {
  const Dataset dataset = load_mnist(folder_.path(), Split::train);
  EXPECT_EQ(dataset.image_shape(), (Shape{2, 4, 1}));
  EXPECT_EQ(dataset.classes(), 10);
  EXPECT_EQ(dataset.size(), 3);
  EXPECT_EQ(dataset.image(2)[7], 23);
  EXPECT_EQ(dataset.label(0), 9);
  EXPECT_EQ(dataset.label(2), 2);
}

TEST_F(LoadMnistTest, LoadsPackedFiles) {
  const Dataset dataset = load_mnist(folder_.path(), Split::test);
  EXPECT_EQ(dataset.size(), 2);
  EXPECT_EQ(dataset.image(1)[0], 8);
  EXPECT_EQ(dataset.label(1), 5);
}

TEST_F(LoadMnistTest, PrefersPlainFiles) {
  write_bytes(folder_ / "train-labels-idx1-ubyte.gz", "not even gzip");
  EXPECT_EQ(load_mnist(folder_.path(), Split::train).label(0), 9);
}

TEST_F(LoadMnistTest, MissingFileNamesFolderAndScript) {
  std::filesystem::remove(folder_ / "train-labels-idx1-ubyte");
  expect_error("has no train-labels-idx1-ubyte or train-labels-idx1-ubyte.gz",
               "scripts/fetch_data.sh gets ");
  EXPECT_THAT([&] { load_mnist(folder_ / "none", Split::test); },
              throws_line<FileError>((folder_ / "none").string(), "t10k-images-idx3-ubyte",
                                     "scripts/fetch_data.sh gets "));
  EXPECT_THAT([&] { load_mnist(folder_ / "mnist", Split::test); },
              throws_line<FileError>("t10k-images-idx3-ubyte", "scripts/fetch_data.sh mnist gets MNIST"));
}

TEST_F(LoadMnistTest, UnreadableFolder) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  std::filesystem::permissions(folder_.path(), std::filesystem::perms::none);
  expect_error("train-images-idx3-ubyte", "Permission denied");
}

TEST_F(LoadMnistTest, DamagedFile) {
  write_bytes(folder_ / "train-images-idx3-ubyte", "");
  expect_error("train-images-idx3-ubyte", "is empty");
}

TEST_F(LoadMnistTest, WrongRank) {
  write_idx(folder_ / "train-images-idx3-ubyte", {3, 8}, counting_values(24));
  expect_error("train-images-idx3-ubyte", "2 dimensions, expected 3 or 4");
  write_idx(folder_ / "train-images-idx3-ubyte", {3, 2, 4}, counting_values(24));
  write_idx(folder_ / "train-labels-idx1-ubyte", {3, 1}, "\x01\x02\x03");
  expect_error("train-labels-idx1-ubyte", "2 dimensions, expected 1");
}

TEST_F(LoadMnistTest, LabelOutOfRange) {
  write_idx(folder_ / "train-labels-idx1-ubyte", {3}, "\x01\x0a\x02");
  expect_error("train-labels-idx1-ubyte", "label 1 is 10, expected 0 to 9");
}

TEST_F(LoadMnistTest, DifferentCounts) {
  write_idx(folder_ / "train-labels-idx1-ubyte", {2}, "\x01\x02");
  expect_error("train-images-idx3-ubyte: 3 images", "train-labels-idx1-ubyte has 2 labels");
}

TEST_F(LoadMnistTest, NoSamples) {
  write_idx(folder_ / "train-images-idx3-ubyte", {0, 2, 4}, "");
  expect_error("train-images-idx3-ubyte", "dimension 0 is 0");
}

}  // namespace
}  // namespace tilewise
