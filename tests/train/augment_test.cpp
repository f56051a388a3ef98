#include "tilewise/train/augment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <set>
#include <vector>

#include "support/error_matchers.hpp"
#include "support/tolerance.hpp"
#include "tilewise/core/aligned_buffer.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/core/random.hpp"

namespace tilewise {
namespace {

using testing::same_bits;
using testing::throws_line;

std::vector<std::uint8_t> random_image(const Shape& shape, std::uint32_t seed = 1) {
  std::mt19937 generator(seed);
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(shape.elements()));
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(generator() % 256);
  return bytes;
}

/// What the change, an AffineChange or an AugmentKey, makes of the image.
template <class Change>
std::vector<float> changed(const AugmentOptions& options, const Shape& shape, const Change& change,
                           const std::vector<std::uint8_t>& image) {
  const Augmenter augmenter(options, shape);
  AlignedBuffer<float> scratch(augmenter.scratch_floats());
  // What was there before must not matter.
  std::ranges::fill(scratch.span(), std::numeric_limits<float>::quiet_NaN());
  std::vector<float> result(image.size());
  augmenter.apply(simd::default_kernels(), change, image.data(), {scratch.data(), scratch.size()},
                  result.data());
  return result;
}

/// The image scaled, pixel (y, x) taken from where `source(y, x)` says, as a pair; outside is 0.
template <class Source>
std::vector<float> moved(const Shape& shape, const std::vector<std::uint8_t>& image, Source source) {
  std::vector<float> result;
  for (std::int64_t y = 0; y < shape[0]; ++y) {
    for (std::int64_t x = 0; x < shape[1]; ++x) {
      const auto [row, column] = source(y, x);
      const bool inside = row >= 0 && row < shape[0] && column >= 0 && column < shape[1];
      for (std::int64_t c = 0; c < shape[2]; ++c) {
        const auto at = static_cast<std::size_t>((row * shape[1] + column) * shape[2] + c);
        result.push_back(inside ? (1.0F / 255.0F) * static_cast<float>(image[at]) : 0.0F);
      }
    }
  }
  return result;
}

using Place = std::pair<std::int64_t, std::int64_t>;
const Shape kShapes[] = {{28, 28, 1}, {32, 32, 3}, {5, 5, 2}, {1, 1, 1}, {9, 14, 1}, {14, 9, 3}};

TEST(AugmentTest, NoChangeGivesTheBitsOfNoAugmentation) {
  for (const Shape& shape : kShapes) {
    const auto image = random_image(shape);
    const auto expected = moved(shape, image, [](auto y, auto x) { return Place(y, x); });
    EXPECT_TRUE(same_bits(changed({}, shape, AffineChange{}, image), expected)) << shape.to_string();
    EXPECT_TRUE(same_bits(changed({}, shape, AugmentKey{1, 2, 3}, image), expected));
  }
}

TEST(AugmentTest, WholeShiftsAreExact) {
  for (const Shape& shape : kShapes) {
    const auto image = random_image(shape);
    for (const int down : {-40, -3, 0, 1, 7}) {
      for (const int across : {-2, 0, 1, 30}) {
        const AffineChange change{.down = double(down), .across = double(across)};
        EXPECT_TRUE(same_bits(changed({}, shape, change, image), moved(shape, image, [=](auto y, auto x) {
                                return Place(y - down, x - across);
                              })))
            << shape.to_string() << ' ' << down << ' ' << across;
      }
    }
  }
}

TEST(AugmentTest, QuarterTurnsAndFlipsAreExact) {
  for (const Shape& shape : kShapes) {
    const auto image = random_image(shape);
    const std::int64_t h = shape[0] - 1, w = shape[1] - 1;
    const auto expect = [&](const AffineChange& change, auto source) {
      EXPECT_TRUE(same_bits(changed({}, shape, change, image), moved(shape, image, source)))
          << shape.to_string() << ' ' << change.rotate << ' ' << change.flip;
    };
    expect({.flip = true}, [=](auto y, auto x) { return Place(y, w - x); });
    expect({.rotate = 180}, [=](auto y, auto x) { return Place(h - y, w - x); });
    expect({.rotate = -180, .flip = true}, [=](auto y, auto x) { return Place(h - y, x); });
    expect({.rotate = 360}, [=](auto y, auto x) { return Place(y, x); });
    if (h != w) continue;
    // Counterclockwise: what was at the right end of the first row comes to its left end.
    expect({.rotate = 90}, [=](auto y, auto x) { return Place(x, w - y); });
    expect({.rotate = -90}, [=](auto y, auto x) { return Place(h - x, y); });
    expect({.rotate = 270}, [=](auto y, auto x) { return Place(h - x, y); });
    // Flipped first, then turned, then shifted.
    expect({.down = 1, .across = -2, .rotate = 90, .flip = true},
           [=](auto y, auto x) { return Place(x + 2, y - 1); });
  }
}

TEST(AugmentTest, HalfAPixelIsTheMean) {
  const std::vector<float> result =
      changed({}, {1, 3, 1}, AffineChange{.across = 0.5}, {10, 20, 40});
  EXPECT_TRUE(same_bits(result, std::vector<float>{5 * (1.0F / 255.0F), 15 * (1.0F / 255.0F),
                                                   30 * (1.0F / 255.0F)}));
}

TEST(AugmentTest, ScalesAndShearsAboutTheCentre) {
  // Twice as large: each pixel from half as far from the middle one.
  EXPECT_TRUE(same_bits(changed({}, {1, 5, 1}, AffineChange{.scale = 2}, {0, 100, 200, 50, 0}),
                        std::vector<float>{100 * (1.0F / 255.0F), 150 * (1.0F / 255.0F),
                                           200 * (1.0F / 255.0F), 125 * (1.0F / 255.0F),
                                           50 * (1.0F / 255.0F)}));
  // By 45 degrees a column moves one pixel a row: the lower half to the right.
  const Shape shape{5, 5, 1};
  const auto image = random_image(shape);
  EXPECT_TRUE(same_bits(changed({}, shape, AffineChange{.shear = 45}, image),
                        moved(shape, image, [](auto y, auto x) { return Place(y, x - (y - 2)); })));
}

TEST(AugmentTest, AffineChangesHaveTheSameBitsUnderEveryInstructionSet) {
  const Shape shape{28, 30, 3};
  const auto image = random_image(shape);
  const Augmenter augmenter({.shift = 3, .rotate = 30, .scale = 0.3, .shear = 10}, shape);
  AlignedBuffer<float> scratch(augmenter.scratch_floats());
  for (std::int64_t sample = 0; sample < 20; ++sample) {
    std::vector<std::vector<float>> results;
    for (const simd::Isa isa : simd::supported_isas()) {
      augmenter.apply(simd::kernel_table(isa), AugmentKey{.sample = sample}, image.data(),
                      {scratch.data(), scratch.size()}, results.emplace_back(image.size()).data());
      EXPECT_TRUE(same_bits(results.back(), results.front())) << simd::isa_name(isa);
    }
  }
}

TEST(AugmentTest, DrawsEvenlyFromItsRanges) {
  const AugmentOptions options{
      .shift = 0.1, .rotate = 15, .scale = 0.2, .shear = 10, .horizontal_flip = true};
  const Augmenter augmenter(options, {20, 40, 1});
  constexpr int kDraws = 20'000;
  std::vector<std::vector<double>> numbers(5);
  int flips = 0;
  for (int i = 0; i < kDraws; ++i) {
    const AffineChange change = augmenter.draw({.seed = 7, .epoch = 3, .sample = i});
    numbers[0].push_back(change.down / 2);
    numbers[1].push_back(change.across / 4);
    numbers[2].push_back(change.rotate / 15);
    numbers[3].push_back((change.scale - 1) / 0.2);
    numbers[4].push_back(change.shear / 10);
    flips += change.flip ? 1 : 0;
  }
  // Means, variances and correlations of numbers that are even in [-1, 1], to five standard deviations.
  const double deviation = 5 / std::sqrt(kDraws);
  for (const std::vector<double>& a : numbers) {
    EXPECT_LE(*std::ranges::max_element(a), 1);
    EXPECT_GE(*std::ranges::min_element(a), -1);
    double sum = 0;
    for (const double value : a) sum += value;
    EXPECT_NEAR(sum / kDraws, 0, deviation * std::sqrt(1.0 / 3));
    for (const std::vector<double>& b : numbers) {
      double products = 0;
      for (std::size_t i = 0; i < a.size(); ++i) products += a[i] * b[i];
      // The variance of x^2 is 4/45, of x y 1/9.
      EXPECT_NEAR(products / kDraws, &a == &b ? 1.0 / 3 : 0, deviation / 3);
    }
  }
  EXPECT_NEAR(flips, kDraws / 2, 5 * std::sqrt(kDraws / 4));
}

TEST(AugmentTest, ShiftsInPixelsFromOneOn) {
  const Augmenter augmenter({.shift = 3}, {28, 100, 1});
  double most = 0;
  for (int i = 0; i < 1000; ++i) {
    const AffineChange change = augmenter.draw({.sample = i});
    most = std::max({most, std::abs(change.down), std::abs(change.across)});
    EXPECT_EQ(change.rotate, 0);
    EXPECT_EQ(change.scale, 1);
    EXPECT_EQ(change.shear, 0);
    EXPECT_FALSE(change.flip);
  }
  EXPECT_LE(most, 3);
  EXPECT_GT(most, 2.9);
}

TEST(AugmentTest, SeedEpochAndSampleAllCount) {
  const Augmenter augmenter({.rotate = 10}, {8, 8, 1});
  std::set<double> angles;
  for (const std::uint64_t seed : {0ULL, 1ULL, 1ULL << 40}) {
    for (const std::uint32_t epoch : {0U, 1U, 1000U}) {
      for (const std::int64_t sample : {std::int64_t{0}, std::int64_t{1}, std::int64_t{1} << 40}) {
        angles.insert(augmenter.draw({seed, epoch, sample}).rotate);
      }
    }
  }
  EXPECT_EQ(angles.size(), 27U);
}

/// Elastic fields, each without the columns that do not count.
class ElasticFieldTest : public ::testing::Test {
 protected:
  struct Fields {
    std::vector<double> down, across;
  };
  static Fields fields(const AugmentOptions& options, const Shape& shape, const AugmentKey& key) {
    const Augmenter augmenter(options, shape);
    AlignedBuffer<float> memory(augmenter.scratch_floats());
    std::ranges::fill(memory.span(), std::numeric_limits<float>::quiet_NaN());
    Workspace scratch(memory.data(), memory.size());
    const Augmenter::Field field = augmenter.elastic_field(simd::default_kernels(), key, scratch);
    Fields result;
    for (std::int64_t y = 0; y < shape[0]; ++y) {
      for (std::int64_t x = 0; x < shape[1]; ++x) {
        result.down.push_back(field.down[y * field.pitch + x]);
        result.across.push_back(field.across[y * field.pitch + x]);
      }
    }
    return result;
  }
};

TEST_F(ElasticFieldTest, HasTheMeanAndSpreadOfSmoothedNoise) {
  const AugmentOptions options{.elastic_alpha = 34, .elastic_sigma = 4};
  const Shape shape{29, 29, 1};
  constexpr std::size_t kMiddle = 14 * 29 + 14;
  constexpr int kFields = 2000;
  double sum = 0, squares = 0, products = 0;
  for (int i = 0; i < kFields; ++i) {
    const Fields field = fields(options, shape, {.seed = 5, .epoch = 1, .sample = i});
    sum += field.down[kMiddle] + field.across[kMiddle];
    squares += field.down[kMiddle] * field.down[kMiddle] + field.across[kMiddle] * field.across[kMiddle];
    products += field.down[kMiddle] * field.across[kMiddle];
  }
  // Noise of variance 1/3 under weights whose squares sum to 1 / (4 pi sigma^2); the ends of the Gaussian
  // that are cut off, 0.3% in each direction, hardly count.
  const double variance = 34.0 * 34.0 / 3 / (4 * 3.14159265 * 16);
  EXPECT_NEAR(sum / (2 * kFields), 0, 5 * std::sqrt(variance / (2 * kFields)));
  EXPECT_NEAR(squares / (2 * kFields), variance, variance * (5 * std::sqrt(2.0 / (2 * kFields)) + 0.02));
  EXPECT_NEAR(products / kFields, 0, 5 * variance / std::sqrt(kFields));
}

TEST_F(ElasticFieldTest, IsSmoothAndBounded) {
  const Shape shape{28, 40, 1};
  for (const double sigma : {1.0, 4.0, 8.0}) {
    const Fields field = fields({.elastic_alpha = 10, .elastic_sigma = sigma}, shape, {.sample = 3});
    // A Gaussian of sum 1 has no slope beyond 1 / (sqrt(2 pi) sigma) per direction, summed over signs twice.
    const double steepest = 10 * 2 / (std::sqrt(2 * 3.14159265) * sigma);
    for (const std::vector<double>& values : {field.down, field.across}) {
      double largest = 0;
      for (std::size_t i = 0; i < values.size(); ++i) {
        largest = std::max(largest, std::abs(values[i]));
        if (i % 40 != 39) {
          EXPECT_LE(std::abs(values[i + 1] - values[i]), steepest);
        }
        if (i + 40 < values.size()) {
          EXPECT_LE(std::abs(values[i + 40] - values[i]), steepest);
        }
      }
      EXPECT_LE(largest, 10);
      EXPECT_GT(largest, 0);
    }
  }
}

// The same smoothing in double, directly in two directions, of the documented random numbers.
TEST_F(ElasticFieldTest, MatchesTheDefinition) {
  const std::int64_t h = 9, w = 13;
  const double sigma = 1.7;
  const AugmentKey key{.seed = 11, .epoch = 4, .sample = 6};
  const Fields field = fields({.elastic_alpha = 5, .elastic_sigma = sigma}, {h, w, 1}, key);
  const RandomStream stream{.seed = 11, .purpose = RandomPurpose::augment, .index = 1, .step = 4};
  const auto first = static_cast<std::uint64_t>(6 * 4 * ((h * w + 3) / 4));
  const int radius = 6;  // ceil(3 x 1.7)
  std::vector<double> weights;
  double total = 0;
  for (int i = -radius; i <= radius; ++i) {
    weights.push_back(std::exp(-i * i / (2 * sigma * sigma)));
    total += weights.back();
  }
  for (std::int64_t y = 0; y < h; ++y) {
    for (std::int64_t x = 0; x < w; ++x) {
      double down = 0, across = 0;
      for (std::int64_t i = std::max<std::int64_t>(0, y - radius); i <= std::min(h - 1, y + radius); ++i) {
        for (std::int64_t j = std::max<std::int64_t>(0, x - radius); j <= std::min(w - 1, x + radius); ++j) {
          const std::uint32_t bits = stream.bits(first + static_cast<std::uint64_t>(i * w + j));
          const double weight = weights[static_cast<std::size_t>(i - y + radius)] *
                                weights[static_cast<std::size_t>(j - x + radius)] / (total * total);
          down += 5 * weight * ((bits >> 16) * 0x1p-15 - 1 + 0x1p-16);
          across += 5 * weight * ((bits & 0xFFFF) * 0x1p-15 - 1 + 0x1p-16);
        }
      }
      // Two sums of 13 products of numbers up to 5 whose weights sum to 1, each weight and number rounded.
      const double bound = 5 * testing::gamma(2 * (13 + 1) + 2);
      const auto at = static_cast<std::size_t>(y * w + x);
      EXPECT_NEAR(field.down[at], down, bound);
      EXPECT_NEAR(field.across[at], across, bound);
    }
  }
}

TEST_F(ElasticFieldTest, MovesPixels) {
  const Shape shape{28, 28, 1};
  const auto image = random_image(shape);
  const AugmentOptions options{.elastic_alpha = 34};
  const auto a = changed(options, shape, AugmentKey{.epoch = 1, .sample = 2}, image);
  EXPECT_TRUE(same_bits(a, changed(options, shape, AugmentKey{.epoch = 1, .sample = 2}, image)));
  EXPECT_FALSE(same_bits(a, changed(options, shape, AugmentKey{.epoch = 2, .sample = 2}, image)));
  EXPECT_FALSE(same_bits(a, changed(options, shape, AugmentKey{.epoch = 1, .sample = 3}, image)));
  for (const float value : a) EXPECT_TRUE(value >= 0 && value <= 1);
  // Together with an affine change.
  const AugmentOptions both{.shift = 2, .rotate = 10, .elastic_alpha = 34};
  EXPECT_FALSE(same_bits(a, changed(both, shape, AugmentKey{.epoch = 1, .sample = 2}, image)));
}

TEST(AugmentTest, ChecksItsOptions) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  const auto make = [](const AugmentOptions& options) {
    return [=] { Augmenter(options, {28, 28, 1}); };
  };
  EXPECT_THAT(make({.shift = -1}), throws_line<ArgumentError>("shift -1", "expected 0 to"));
  EXPECT_THAT(make({.rotate = kNaN}), throws_line<ArgumentError>("rotate nan"));
  EXPECT_THAT(make({.rotate = 361}), throws_line<ArgumentError>("rotate 361", "0 to 360"));
  EXPECT_THAT(make({.scale = 1}), throws_line<ArgumentError>("scale 1", "0 to 0.9"));
  EXPECT_THAT(make({.shear = 90}), throws_line<ArgumentError>("shear 90", "0 to 60"));
  EXPECT_THAT(make({.elastic_alpha = 1e9}), throws_line<ArgumentError>("elastic alpha"));
  EXPECT_THAT(make({.elastic_alpha = 1, .elastic_sigma = 0}), throws_line<ArgumentError>("sigma is 0"));
  EXPECT_THAT(make({.elastic_alpha = 1, .elastic_sigma = 29}), throws_line<ArgumentError>("sigma 29"));
  EXPECT_THAT([] { Augmenter({.scale = 0.9, .shear = 60}, {400, 300, 1}); },
              throws_line<ArgumentError>("(400, 300, 1)", "16384"));
  EXPECT_NO_THROW(make({.shift = 5, .rotate = 360, .scale = 0.9, .shear = 60, .elastic_alpha = 100})());
}

TEST(AugmentTest, AnyTellsWhetherSomethingIsOn) {
  EXPECT_FALSE(AugmentOptions{}.any());
  EXPECT_FALSE(AugmentOptions{.elastic_sigma = 8}.any());
  EXPECT_TRUE(AugmentOptions{.shift = 1}.any());
  EXPECT_TRUE(AugmentOptions{.horizontal_flip = true}.any());
  EXPECT_TRUE(AugmentOptions{.elastic_alpha = 1}.any());
}

}  // namespace
}  // namespace tilewise
