#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <vector>

#include "support/guarded_array.hpp"
#include "support/random_data.hpp"
#include "support/reference.hpp"
#include "support/tested_kernels.hpp"
#include "support/tolerance.hpp"
#include "support/vector_sizes.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {
namespace {

using testing::GuardedArray;
using testing::random_values;
using testing::same_bits;

TILEWISE_TESTS_KERNEL(warp);

constexpr std::int32_t kPixel = 65536;

/// An image of random bytes in its frame of zeros.
std::vector<float> framed_image(std::int64_t rows, std::int64_t columns, std::int64_t channels) {
  std::mt19937 generator(1);
  std::vector<float> frame(static_cast<std::size_t>((rows + 3) * (columns + 3) * channels));
  for (std::int64_t r = 1; r <= rows; ++r) {
    for (std::int64_t i = channels; i < (columns + 1) * channels; ++i) {
      frame[static_cast<std::size_t>(r * (columns + 3) * channels + i)] =
          static_cast<float>(generator() % 256);
    }
  }
  return frame;
}

/// The result of `args`, for which there is an image, checked against the reference.
std::vector<float> warped(WarpArgs args) {
  const GuardedArray<float> src(framed_image(args.rows, args.columns, args.channels));
  GuardedArray<float> dst(args.rows * args.columns * args.channels);
  args.src = src.data();
  args.dst = dst.data();
  default_kernels().warp(args);
  EXPECT_TRUE(src.intact() && dst.intact());
  std::vector<float> expected(dst.span().size());
  reference::warp(args, src.data(), expected.data());
  // To the bit, for the sums are exact.
  EXPECT_TRUE(same_bits(dst.span(), expected))
      << args.rows << " x " << args.columns << " x " << args.channels;
  return {dst.span().begin(), dst.span().end()};
}

WarpArgs identity(std::int64_t rows, std::int64_t columns, std::int64_t channels) {
  return {.rows = rows,
          .columns = columns,
          .channels = channels,
          .down = {kPixel, 0},
          .across = {0, kPixel},
          .scale = 1.0F / 255.0F};
}

constexpr std::int64_t kSizes[][3] = {{1, 1, 1},  {1, 5, 1},  {7, 1, 3},  {28, 28, 1}, {9, 63, 1},
                                      {3, 64, 2}, {4, 65, 3}, {5, 130, 1}, {32, 32, 3}};

TEST(Warp, identity_scales) {
  for (const auto& [rows, columns, channels] : kSizes) {
    const std::vector<float> frame = framed_image(rows, columns, channels);
    const std::vector<float> result = warped(identity(rows, columns, channels));
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t i = 0; i < columns * channels; ++i) {
        const std::size_t at = static_cast<std::size_t>((r + 1) * (columns + 3) * channels + channels + i);
        ASSERT_EQ(result[static_cast<std::size_t>(r * columns * channels + i)],
                  frame[at] * (1.0F / 255.0F));
      }
    }
  }
}

TEST(Warp, matches_the_reference_wherever_pixels_come_from) {
  for (const auto& [rows, columns, channels] : kSizes) {
    WarpArgs args = identity(rows, columns, channels);
    for (const std::int32_t origin : {0, 1, 127, 128, 40'000, -3 * kPixel, 20 * kPixel + 77}) {
      for (const std::int32_t step : {0, 12'345, -70'000, 3 * kPixel}) {
        args.origin[0] = origin;
        args.origin[1] = 5 * kPixel - origin;
        args.across[0] = step / 3;
        args.down[1] = -step;
        warped(args);
      }
    }
  }
}

TEST(Warp, far_outside_is_zero) {
  WarpArgs args = identity(6, 70, 2);
  for (const std::int32_t sign : {-1, 1}) {
    for (int axis = 0; axis < 2; ++axis) {
      args.origin[axis] = sign * 30'000 * kPixel;
      for (const float value : warped(args)) ASSERT_EQ(value, 0);
      args.origin[axis] = 0;
    }
  }
}

TEST(Warp, adds_shifts) {
  for (const auto& [rows, columns, channels] : kSizes) {
    const std::int64_t pitch = columns + 3;
    const GuardedArray<float> down(
        random_values((rows - 1) * pitch + columns, 3, testing::Pattern::spread));
    const GuardedArray<float> across(
        random_values((rows - 1) * pitch + columns, 4, testing::Pattern::spread));
    WarpArgs args = identity(rows, columns, channels);
    args.across[0] = 777;
    args.shifts[0] = down.data();
    args.shifts[1] = across.data();
    args.shift_pitch = pitch;
    warped(args);
  }
}

TILEWISE_TESTS_KERNEL(fir);

TEST(Fir, filters) {
  std::vector<std::int64_t> sizes = testing::vector_sizes();
  sizes.push_back(8 * default_kernels().vector_floats);
  sizes.push_back(17 * default_kernels().vector_floats + 3);
  for (const std::int64_t n : sizes) {
    for (const std::int64_t taps : {0, 1, 2, 25}) {
      for (const std::int64_t step : {1, 7, 40}) {
        const std::int64_t floats = n == 0 || taps == 0 ? 0 : n + (taps - 1) * step;
        const GuardedArray<float> src(random_values(floats, 1));
        const GuardedArray<float> weights(random_values(taps, 2));
        GuardedArray<float> dst(n);
        default_kernels().fir(n, taps, weights.data(), src.data(), step, dst.data());
        std::vector<double> expected(static_cast<std::size_t>(n)), scale(expected.size());
        reference::fir<double>(n, taps, testing::widen(weights.span()).data(),
                               testing::widen(src.span()).data(), step, expected.data());
        reference::fir<double>(n, taps, testing::magnitudes(weights.span()).data(),
                               testing::magnitudes(src.span()).data(), step, scale.data());
        ASSERT_TRUE(testing::all_near(dst.span(), expected,
                                      testing::bounds(static_cast<double>(taps), scale)));
        ASSERT_TRUE(src.intact() && weights.intact() && dst.intact());
      }
    }
  }
}

// What the fields of elastic distortions rely on: a value does not depend on where a run begins.
TEST(Fir, does_not_depend_on_how_an_array_is_cut) {
  const std::vector<float> src = random_values(1000, 1), weights = random_values(9, 2);
  std::vector<float> whole(900), pieces(900);
  default_kernels().fir(900, 9, weights.data(), src.data(), 3, whole.data());
  for (std::int64_t first = 0, n = 1; first < 900; first += n, n = std::min<std::int64_t>(n + 1, 900 - first)) {
    default_kernels().fir(n, 9, weights.data(), src.data() + first, 3, pieces.data() + first);
  }
  EXPECT_TRUE(same_bits(pieces, whole));
}

}  // namespace
}  // namespace tilewise::simd
