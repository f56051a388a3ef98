#pragma once

#include <tilewise/core/random.hpp>
#include <tilewise/train/dataset.hpp>

#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

/// A data set for examples that are given none: bright bars on black, 28 x 28 like MNIST's digits, of ten
/// classes. A bar of class k is turned by k * 18 degrees, give or take five, and lies up to two pixels off
/// the centre.
inline tilewise::Dataset bars(std::int64_t count, std::uint64_t seed) {
  constexpr std::int64_t kSide = 28;
  constexpr int kClasses = 10;
  constexpr double kHalfLength = 9;
  constexpr double kHalfWidth = 2;
  const tilewise::RandomStream random{.seed = seed};

  tilewise::AlignedBuffer<std::uint8_t> images(count * kSide * kSide);
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < count; ++i) {
    // A number in [-limit, limit), the n-th of the image.
    const auto draw = [&](int n, double limit) {
      return limit * (2.0 * random.uniform(static_cast<std::uint64_t>(3 * i + n)) - 1);
    };
    const auto label = static_cast<std::int32_t>(i % kClasses);
    const double angle = (label * 18 + draw(0, 5)) * std::numbers::pi / 180;
    const double centre_y = kSide / 2.0 + draw(1, 2);
    const double centre_x = kSide / 2.0 + draw(2, 2);
    for (std::int64_t p = 0; p < kSide * kSide; ++p) {
      const double y = static_cast<double>(p / kSide) - centre_y;
      const double x = static_cast<double>(p % kSide) - centre_x;
      const bool along = std::abs(x * std::cos(angle) + y * std::sin(angle)) < kHalfLength;
      const bool across = std::abs(y * std::cos(angle) - x * std::sin(angle)) < kHalfWidth;
      images[i * kSide * kSide + p] = along && across ? 255 : 0;
    }
    labels.push_back(label);
  }
  return tilewise::Dataset({kSide, kSide, 1}, kClasses, std::move(images), std::move(labels));
}
