#include "tilewise/train/batch_reader.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

#include "support/tolerance.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/layers/dense.hpp"
#include "tilewise/layers/flatten.hpp"

namespace tilewise {
namespace {

using testing::same_bits;

constexpr std::int64_t kSamples = 45, kPixels = 12 * 10;

Dataset random_dataset() {
  std::mt19937 generator(1);
  AlignedBuffer<std::uint8_t> images(kSamples * kPixels);
  for (std::uint8_t& byte : images.span()) byte = static_cast<std::uint8_t>(generator() % 256);
  return Dataset({12, 10, 1}, 2, std::move(images), std::vector<std::int32_t>(kSamples, 1));
}

const AugmentOptions kAll{.shift = 1.5,
                          .rotate = 20,
                          .scale = 0.1,
                          .shear = 5,
                          .elastic_alpha = 8,
                          .elastic_sigma = 3,
                          .horizontal_flip = true};

class BatchReaderTest : public ::testing::Test {
 protected:
  /// Sample by sample what an epoch's batches hold.
  std::map<std::int32_t, std::vector<float>> read_epoch(BatchReader& reader, std::uint32_t epoch, int threads,
                                                        std::int64_t batch, bool shuffled = false) {
    Executor executor(threads);
    Sequential network({12, 10, 1});
    network.add(Flatten()).add(Dense({.units = 2}));
    Model model(network, executor, {.max_batch = batch});
    std::vector<std::int32_t> order(kSamples);
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int32_t>(i);
    if (shuffled) {
      const RandomStream stream{.seed = 3, .purpose = RandomPurpose::shuffle, .step = epoch};
      reader.shuffle(stream);
      random_permutation(stream, order);
    }
    reader.set_epoch(epoch);
    std::map<std::int32_t, std::vector<float>> result;
    std::size_t next = 0;
    for (std::int64_t b = 0; b < reader.batches(); ++b) {
      const auto labels = reader.load(model, b);
      for (std::size_t i = 0; i < labels.size(); ++i) {
        const auto image = model.input().subspan(i * kPixels, kPixels);
        result[order[next++]].assign(image.begin(), image.end());
      }
    }
    EXPECT_EQ(next, static_cast<std::size_t>(kSamples));
    return result;
  }
  std::map<std::int32_t, std::vector<float>> augmented(std::uint32_t epoch, int threads, std::int64_t batch,
                                                       std::uint64_t seed = 9, bool shuffled = false) {
    BatchReader reader(data_, batch, kAll, seed);
    return read_epoch(reader, epoch, threads, batch, shuffled);
  }

  Dataset data_ = random_dataset();
};

TEST_F(BatchReaderTest, WithoutAugmentationNothingChanges) {
  BatchReader plain(data_, 16);
  BatchReader off(data_, 16, {}, 9);
  const auto expected = read_epoch(plain, 1, 2, 16);
  EXPECT_EQ(read_epoch(off, 1, 2, 16), expected);
  EXPECT_EQ(expected.at(40)[7], (1.0F / 255.0F) * static_cast<float>(data_.image(40)[7]));
}

TEST_F(BatchReaderTest, AugmentationDoesNotDependOnThreadsBatchesOrOrder) {
  const auto expected = augmented(2, 1, 45);
  for (const int threads : {1, 2, 3, 8}) {
    for (const std::int64_t batch : {1, 7, 16, 45}) EXPECT_EQ(augmented(2, threads, batch), expected);
  }
  EXPECT_EQ(augmented(2, 3, 7, 9, true), expected);
}

TEST_F(BatchReaderTest, AugmentationChangesWithEpochAndSeed) {
  const auto first = augmented(1, 1, 45);
  EXPECT_NE(augmented(2, 1, 45), first);
  EXPECT_NE(augmented(1, 1, 45, 10), first);
  BatchReader plain(data_, 45);
  EXPECT_NE(read_epoch(plain, 1, 1, 45), first);
}

TEST_F(BatchReaderTest, OneReaderServesExecutorsOfAnySize) {
  BatchReader reader(data_, 45, kAll, 9);
  const auto expected = read_epoch(reader, 1, 1, 45);
  EXPECT_EQ(read_epoch(reader, 1, 4, 45), expected);
  EXPECT_EQ(read_epoch(reader, 1, 2, 45), expected);
}

TEST_F(BatchReaderTest, RefusesOptionsAtOnce) {
  EXPECT_THROW(BatchReader(data_, 4, {.scale = 2}, 0), ArgumentError);
}

}  // namespace
}  // namespace tilewise
