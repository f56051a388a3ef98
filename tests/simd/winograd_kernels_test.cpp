// The transforms of simd/kernels/winograd.hpp, against their matrices.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "simd/winograd_cases.hpp"
#include "support/guarded_array.hpp"
#include "support/random_data.hpp"
#include "support/tested_kernels.hpp"
#include "support/tolerance.hpp"
#include "tilewise/simd/blocking.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {
namespace {

using testing::all_equal;
using testing::all_near;
using testing::GuardedArray;
using testing::kWinogradChannels;
using testing::Pattern;
using testing::random_values;
using testing::transform;
using testing::widen;
using testing::winograd_matrices;
using testing::winograd_roundings;
using testing::WinogradTileCase;

TILEWISE_TESTS_KERNEL(winograd_filters);
TILEWISE_TESTS_KERNEL(winograd_blank);
TILEWISE_TESTS_KERNEL(winograd_src);
TILEWISE_TESTS_KERNEL(winograd_dst);
TILEWISE_TESTS_KERNEL(winograd_d_dst);
TILEWISE_TESTS_KERNEL(winograd_d_filters);

/// One tile of pixels side by side; positions are `plane` floats apart.
WinogradArgs one_tile(WinogradSize size, const WinogradTile& tile, std::int64_t channels, std::int64_t row_stride,
                      std::int64_t plane) {
  return {.size = size,
          .tiles = &tile,
          .count = 1,
          .channels = channels,
          .pixel_stride = channels,
          .row_stride = row_stride,
          .plane = plane,
          .tile_stride = plane};
}

/// Whether the positions or outputs of a transform, each `stride` floats after the last, are matrix m matrix' + shift:
/// to the bit, where only integers and halves are added.
::testing::AssertionResult is_transform(const float* actual, std::int64_t stride, WinogradSize size,
                                        const testing::Matrix& matrix, const std::vector<double>& m) {
  const std::vector<double> expected = transform(matrix, m);
  std::vector<double> scale = transform(matrix, m, true);
  std::vector<float> values;
  for (std::size_t p = 0; p < expected.size(); ++p) values.push_back(actual[static_cast<std::int64_t>(p) * stride]);
  if (size == WinogradSize::two) return all_equal(values, expected);
  return all_near(values, expected, testing::bounds(winograd_roundings(size), scale));
}

TEST(WinogradKernels, transform_filters_in_place_or_elsewhere) {
  for (const WinogradSize size : kWinogradSizes) {
    const std::int64_t positions = winograd_positions(size);
    for (const std::int64_t n : kWinogradChannels) {
      for (const std::int64_t plane : {n, n + 5}) {
        const std::vector<float> taps = random_values((kWinogradTaps - 1) * plane + n, 1, Pattern::integers);
        GuardedArray<float> planes((positions - 1) * plane + n), in_place((positions - 1) * plane + n);
        float* const last = in_place.data() + (positions - kWinogradTaps) * plane;
        std::copy(taps.begin(), taps.end(), last);
        default_kernels().winograd_filters({size, n, taps.data(), plane, planes.data(), plane});
        default_kernels().winograd_filters({size, n, last, plane, in_place.data(), plane});
        EXPECT_TRUE(planes.intact() && in_place.intact());
        for (std::int64_t i = 0; i < n; ++i) {
          std::vector<double> tap;
          for (std::int64_t t = 0; t < kWinogradTaps; ++t) tap.push_back(taps[static_cast<std::size_t>(t * plane + i)]);
          ASSERT_TRUE(is_transform(planes.data() + i, plane, size, winograd_matrices(size).g, tap)) << n << ": " << i;
          for (std::int64_t p = 0; p < positions; ++p) {
            ASSERT_EQ(planes.data()[p * plane + i], in_place.data()[p * plane + i]);
          }
        }
      }
    }
  }
}

TEST(WinogradKernels, transform_pixels_taking_those_outside_as_zero) {
  for (const WinogradSize size : kWinogradSizes) {
    const std::int64_t n = winograd_pixels(size);
    for (const std::int64_t channels : kWinogradChannels) {
      for (const WinogradTileCase& c : testing::winograd_tile_cases(size)) {
        // Just the pixels that are inside: no other may be read.
        const std::int64_t rows = c.end_row - c.first_row, columns = c.end_column - c.first_column;
        const GuardedArray<float> src(random_values(rows * columns * channels, 2, Pattern::integers));
        const std::int64_t row_stride = columns * channels;
        const WinogradTile tile{-c.first_row * row_stride - c.first_column * channels, 0, c.first_row, c.end_row,
                                c.first_column, c.end_column, 2, 2, 0};
        const std::int64_t plane = channels + 5;
        GuardedArray<float> out(n * n * plane - 5);
        default_kernels().winograd_src(one_tile(size, tile, channels, row_stride, plane), src.data(), out.data());
        EXPECT_TRUE(out.intact());
        for (std::int64_t channel = 0; channel < channels; ++channel) {
          std::vector<double> pixels(static_cast<std::size_t>(n * n));
          for (std::int64_t i = 0; i < rows; ++i) {
            for (std::int64_t j = 0; j < columns; ++j) {
              pixels[static_cast<std::size_t>((i + c.first_row) * n + j + c.first_column)] =
                  src.data()[(i * columns + j) * channels + channel];
            }
          }
          ASSERT_TRUE(is_transform(out.data() + channel, plane, size, winograd_matrices(size).b, pixels))
              << channels << " channels";
        }
      }
    }
  }
}

TEST(WinogradKernels, find_outputs_that_see_only_zeros) {
  constexpr WinogradSize kSize = WinogradSize::four;
  constexpr std::int64_t kPixels = winograd_pixels(kSize);
  for (const std::int64_t channels : kWinogradChannels) {
    for (const WinogradTileCase& c : testing::winograd_tile_cases(kSize)) {
      for (std::uint32_t seed = 1; seed <= 4; ++seed) {
        // Most pixels are zero, or minus zero; in others just one channel is not, or is NaN.
        const std::int64_t rows = c.end_row - c.first_row, columns = c.end_column - c.first_column;
        std::vector<float> pixels(static_cast<std::size_t>(rows * columns * channels));
        std::vector<bool> is_zero(kPixels * kPixels, true);
        const std::vector<float> numbers = random_values(rows * columns, seed);
        for (std::int64_t p = 0; p < rows * columns; ++p) {
          const float number = numbers[static_cast<std::size_t>(p)];
          const std::int64_t channel = p * 5 % channels;
          float& value = pixels[static_cast<std::size_t>(p * channels + channel)];
          value = number > 0.8F ? std::numeric_limits<float>::quiet_NaN() : number > 0.6F ? 1e-30F : -0.0F;
          is_zero[static_cast<std::size_t>((p / columns + c.first_row) * kPixels + p % columns + c.first_column)] =
              number <= 0.6F;
        }
        const GuardedArray<float> src(pixels);
        const std::int64_t row_stride = columns * channels;
        WinogradTile tile{-c.first_row * row_stride - c.first_column * channels, 0, c.first_row, c.end_row,
                          c.first_column, c.end_column, c.rows, c.columns, 0};
        default_kernels().winograd_blank(one_tile(kSize, tile, channels, row_stride, 0), src.data(), &tile);
        for (std::int64_t i = 0; i < winograd_outputs(kSize); ++i) {
          for (std::int64_t j = 0; j < winograd_outputs(kSize); ++j) {
            bool blank = true;
            for (std::int64_t t = 0; t < kWinogradTaps; ++t) {
              blank = blank && is_zero[static_cast<std::size_t>((i + t / 3) * kPixels + j + t % 3)];
            }
            ASSERT_EQ((tile.blank >> (kPixels * i + j) & 1) != 0, blank) << channels << " channels, " << i << ", " << j;
          }
        }
      }
    }
  }
}

TEST(WinogradKernels, transform_sums_and_write_what_is_wanted) {
  const std::int64_t width = default_kernels().vector_floats;
  for (const WinogradSize size : kWinogradSizes) {
    const std::int64_t positions = winograd_positions(size);
    const auto n = static_cast<std::int32_t>(winograd_pixels(size));
    for (const std::int64_t channels : kWinogradChannels) {
      for (const WinogradTileCase& c : testing::winograd_tile_cases(size)) {
        const std::int64_t padded = round_up(channels, width), row_stride = c.columns * channels + 3;
        const GuardedArray<float> sums(random_values(positions * padded, 3, Pattern::integers));
        const GuardedArray<float> bias(random_values(channels, 4, Pattern::integers));
        for (const bool has_bias : {true, false}) {
          GuardedArray<float> dst((c.rows - 1) * row_stride + c.columns * channels);
          const WinogradTile tile{0, 0, 0, n, 0, n, c.rows, c.columns, 0};
          default_kernels().winograd_dst(one_tile(size, tile, channels, row_stride, padded), sums.data(),
                                         has_bias ? bias.data() : nullptr, -3, dst.data());
          EXPECT_TRUE(dst.intact());
          for (std::int64_t channel = 0; channel < channels; ++channel) {
            std::vector<double> m;
            for (std::int64_t p = 0; p < positions; ++p) m.push_back(sums.data()[p * padded + channel]);
            const std::vector<double> expected = transform(winograd_matrices(size).a, m);
            const std::vector<double> scale = transform(winograd_matrices(size).a, m, true);
            const double shift = has_bias ? bias.data()[channel] : 0;
            for (std::int64_t i = 0; i < c.rows; ++i) {
              for (std::int64_t j = 0; j < c.columns; ++j) {
                const auto at = static_cast<std::size_t>(i * winograd_outputs(size) + j);
                const double roundings = size == WinogradSize::two ? 0 : winograd_roundings(size) + 1;
                const double error = testing::gamma(roundings) * (scale[at] + std::abs(shift));
                ASSERT_NEAR(dst.data()[i * row_stride + j * channels + channel], std::max(-3.0, expected[at] + shift),
                            error);
              }
            }
          }
        }
      }
    }
  }
}

TEST(WinogradKernels, transform_gradients_taking_what_is_not_wanted_as_zero) {
  const std::int64_t width = default_kernels().vector_floats;
  for (const WinogradSize size : kWinogradSizes) {
    const testing::Matrix a = winograd_matrices(size).a.transposed();
    const auto n = static_cast<std::int32_t>(winograd_pixels(size));
    const std::int64_t m = winograd_outputs(size);
    for (const std::int64_t channels : kWinogradChannels) {
      for (const WinogradTileCase& c : testing::winograd_tile_cases(size)) {
        const std::int64_t padded = round_up(channels, width), row_stride = c.columns * channels + 3;
        const GuardedArray<float> d_dst(
            random_values((c.rows - 1) * row_stride + c.columns * channels, 1, Pattern::integers));
        const WinogradTile tile{0, 0, 0, n, 0, n, c.rows, c.columns, 0};
        GuardedArray<float> out(winograd_positions(size) * padded);
        default_kernels().winograd_d_dst(one_tile(size, tile, channels, row_stride, padded), d_dst.data(), out.data());
        EXPECT_TRUE(out.intact());
        for (std::int64_t channel = 0; channel < padded; ++channel) {
          std::vector<double> d(static_cast<std::size_t>(m * m));
          for (std::int64_t i = 0; i < c.rows && channel < channels; ++i) {
            for (std::int64_t j = 0; j < c.columns; ++j) {
              d[static_cast<std::size_t>(m * i + j)] = d_dst.data()[i * row_stride + j * channels + channel];
            }
          }
          // Exact with tiles of 4 x 4 as well: points have few digits.
          const std::vector<double> expected = transform(a, d);
          for (std::int64_t p = 0; p < winograd_positions(size); ++p) {
            ASSERT_EQ(out.data()[p * padded + channel], expected[static_cast<std::size_t>(p)]) << channels;
          }
        }
      }
    }
  }
}

TEST(WinogradKernels, add_gradients_of_filters) {
  constexpr std::int64_t kRows = 3;
  const std::int64_t width = default_kernels().vector_floats;
  for (const WinogradSize size : kWinogradSizes) {
    const testing::Matrix g = winograd_matrices(size).g.transposed();
    const std::int64_t positions = winograd_positions(size);
    for (const std::int64_t columns : kWinogradChannels) {
      const std::int64_t padded = round_up(columns, width), wei_row = columns + 2;
      const GuardedArray<float> sums(random_values(positions * kRows * padded, 1, Pattern::integers));
      const std::vector<float> before =
          random_values((kWinogradTaps * kRows - 1) * wei_row + columns, 2, Pattern::integers);
      GuardedArray<float> d_wei(before);
      default_kernels().winograd_d_filters({.size = size,
                                            .rows = kRows,
                                            .columns = columns,
                                            .plane = kRows * padded,
                                            .row_stride = padded,
                                            .tap_stride = kRows * wei_row,
                                            .wei_row_stride = wei_row},
                                           sums.data(), d_wei.data());
      EXPECT_TRUE(d_wei.intact());
      std::vector<double> expected = widen(before), scale(before.size());
      for (std::int64_t row = 0; row < kRows; ++row) {
        for (std::int64_t column = 0; column < columns; ++column) {
          std::vector<double> u;
          for (std::int64_t p = 0; p < positions; ++p) u.push_back(sums.data()[(p * kRows + row) * padded + column]);
          const std::vector<double> taps = transform(g, u), terms = transform(g, u, true);
          for (std::int64_t t = 0; t < kWinogradTaps; ++t) {
            const auto at = static_cast<std::size_t>((t * kRows + row) * wei_row + column);
            scale[at] = terms[static_cast<std::size_t>(t)] + std::abs(expected[at]);
            expected[at] += taps[static_cast<std::size_t>(t)];
          }
        }
      }
      const double roundings = size == WinogradSize::two ? 0 : testing::winograd_roundings(size) + 1;
      ASSERT_TRUE(all_near(d_wei.span(), expected, testing::bounds(roundings, scale))) << columns << " columns";
    }
  }
}

// Gradients of large filters are made from a pair of rows of positions at a time: of the same bits.
TEST(WinogradKernels, work_on_some_pairs_of_rows) {
  constexpr std::int64_t kChannels = 21, kRows = 2;
  const std::int64_t padded = round_up(kChannels, default_kernels().vector_floats);
  for (const WinogradSize size : kWinogradSizes) {
    const auto n = static_cast<std::int32_t>(winograd_pixels(size));
    const std::int64_t positions = winograd_positions(size), pairs = winograd_pairs(size);
    const WinogradTile tile{0, 0, 0, n, 1, n, 2, 1, 0};
    WinogradArgs args = one_tile(size, tile, kChannels, n * kChannels, padded);
    WinogradSums sums{.size = size, .rows = kRows, .columns = kChannels, .plane = kRows * padded, .row_stride = padded,
                      .tap_stride = kRows * kChannels, .wei_row_stride = kChannels};
    const std::vector<float> src = random_values(n * n * kChannels, 1);
    const std::vector<float> all_sums = random_values(positions * sums.plane, 2);
    const std::vector<float> before = random_values(kWinogradTaps * kRows * kChannels, 3);
    std::vector<float> pixels(static_cast<std::size_t>(positions * padded)), gradients = pixels, d_wei = before;
    default_kernels().winograd_src(args, src.data(), pixels.data());
    default_kernels().winograd_d_dst(args, src.data(), gradients.data());
    default_kernels().winograd_d_filters(sums, all_sums.data(), d_wei.data());
    for (const std::int64_t some : {std::int64_t{1}, pairs - 1}) {
      std::vector<float> added = before;
      for (std::int64_t first = 0; first < pairs; first += some) {
        const WinogradPairs part{first, std::min(first + some, pairs)};
        const std::int64_t begin = 2 * n * part.first, count = 2 * n * (part.end - part.first);
        args.pairs = sums.pairs = part;
        GuardedArray<float> out(count * padded);
        const auto is_part_of = [&](const std::vector<float>& all) {
          bool same = out.intact();
          for (std::int64_t p = 0; p < count; ++p) {
            const float* const position = out.data() + p * padded;
            same = same && std::equal(position, position + kChannels, all.begin() + (begin + p) * padded);
          }
          return same;
        };
        default_kernels().winograd_src(args, src.data(), out.data());
        EXPECT_TRUE(is_part_of(pixels)) << first;
        default_kernels().winograd_d_dst(args, src.data(), out.data());
        EXPECT_TRUE(is_part_of(gradients)) << first;
        default_kernels().winograd_d_filters(sums, all_sums.data() + begin * sums.plane, added.data());
      }
      EXPECT_EQ(added, d_wei);
    }
  }
}

}  // namespace
}  // namespace tilewise::simd
