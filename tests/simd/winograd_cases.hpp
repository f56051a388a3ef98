#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "simd/conv_cases.hpp"
#include "tilewise/simd/conv_shape.hpp"
#include "tilewise/simd/winograd_tiles.hpp"

namespace tilewise::testing {

// The matrices of simd/winograd.hpp, and two of them transposed.
inline constexpr double kWinogradB[4][4] = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}};
inline constexpr double kWinogradG[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
inline constexpr double kWinogradA[2][4] = {{1, 1, 1, 0}, {0, 1, -1, -1}};
inline constexpr double kWinogradGTransposed[3][4] = {{1, 0.5, 0.5, 0}, {0, 0.5, -0.5, 0}, {0, 0.5, 0.5, 1}};
inline constexpr double kWinogradATransposed[4][2] = {{1, 0}, {1, 1}, {1, -1}, {0, -1}};

/// matrix m matrix', with the magnitudes of the matrix' elements if so asked.
template <int R, int C>
std::vector<double> transform(const double (&matrix)[R][C], const std::vector<double>& m, bool absolute = false) {
  std::vector<double> result(R * R);
  for (int i = 0; i < R; ++i) {
    for (int j = 0; j < R; ++j) {
      double& sum = result[static_cast<std::size_t>(i * R + j)];
      for (int k = 0; k < C; ++k) {
        for (int l = 0; l < C; ++l) {
          const double factor = matrix[i][k] * matrix[j][l];
          sum += (absolute ? std::abs(factor) : factor) * m[static_cast<std::size_t>(k * C + l)];
        }
      }
    }
  }
  return result;
}

/// The 4 x 4 pixels of channel ic that outputs (oh, ow) to (oh + 1, ow + 1) see.
inline std::vector<double> winograd_pixels(const simd::ConvShape& s, const std::vector<double>& src, std::int64_t oh,
                                           std::int64_t ow, std::int64_t ic) {
  std::vector<double> pixels(simd::kWinogradPositions);
  for (std::int64_t p = 0; p < simd::kWinogradPositions; ++p) {
    const std::int64_t ih = oh - s.pad_top + p / 4, iw = ow - s.pad_left + p % 4;
    if (ih < 0 || ih >= s.ih || iw < 0 || iw >= s.iw) continue;
    pixels[static_cast<std::size_t>(p)] = src[static_cast<std::size_t>((ih * s.iw + iw) * s.ic + ic)];
  }
  return pixels;
}

/// A tile whose pixels [first_row, end_row) x [first_column, end_column) are inside, and which wants rows x
/// columns.
struct WinogradTileCase {
  std::int32_t first_row, end_row, first_column, end_column, rows, columns;
};
inline constexpr WinogradTileCase kWinogradTileCases[] = {
    {0, 4, 0, 4, 2, 2}, {1, 4, 0, 4, 2, 2}, {0, 3, 0, 4, 1, 2}, {0, 4, 1, 3, 2, 2},
    {1, 2, 2, 4, 2, 1}, {0, 4, 0, 0, 2, 2}, {4, 4, 0, 4, 1, 1}};

/// The awkward convolutions that can be done by Winograd's filtering.
inline std::vector<simd::ConvShape> winograd_convolutions() {
  std::vector<simd::ConvShape> shapes = awkward_convolutions();
  std::erase_if(shapes, [](const simd::ConvShape& s) { return !simd::has_winograd_tiles(s); });
  return shapes;
}

/// Around the widths of vectors.
inline constexpr std::int64_t kWinogradChannels[] = {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64};

}  // namespace tilewise::testing
