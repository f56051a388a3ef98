#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "simd/conv_cases.hpp"
#include "tilewise/simd/conv_shape.hpp"
#include "tilewise/simd/winograd_tiles.hpp"

namespace tilewise::testing {

struct Matrix {
  std::int64_t rows, columns;
  std::vector<double> elements;

  double at(std::int64_t i, std::int64_t j) const { return elements[static_cast<std::size_t>(i * columns + j)]; }
  Matrix transposed() const {
    Matrix result{columns, rows, {}};
    for (std::int64_t i = 0; i < columns; ++i) {
      for (std::int64_t j = 0; j < rows; ++j) result.elements.push_back(at(j, i));
    }
    return result;
  }
};

/// Those of simd/winograd.hpp: B', G and A'.
struct WinogradMatrices {
  Matrix b, g, a;
};
inline WinogradMatrices winograd_matrices(simd::WinogradSize size) {
  if (size == simd::WinogradSize::two) {
    return {{4, 4, {1, 0, -1, 0, 0, 1, 0, -1, 0, 1, 1, 0, 0, -1, 1, 0}},
            {4, 3, {1, 0, 0, 0, 0, 1, 0.5, 0.5, 0.5, 0.5, -0.5, 0.5}},
            {2, 4, {1, 0, 1, 1, 0, -1, 1, -1}}};
  }
  const double p = 0.625, q = 1.5, p2 = p * p, q2 = q * q, product = p2 * q2, sum = p2 + q2;
  const double n = 2 * p2 * (p2 - q2), m = 2 * q2 * (q2 - p2);
  return {{6, 6, {product, 0,       -sum, 0,    1, 0,  //
                  0,       product, 0,    -sum, 0, 1,  //
                  0,       -p * q2, -q2,  p,    1, 0,  //
                  0,       p * q2,  -q2,  -p,   1, 0,  //
                  0,       -p2 * q, -p2,  q,    1, 0,  //
                  0,       p2 * q,  -p2,  -q,   1, 0}},
          {6, 3, {1 / product, 0,      0,       //
                  0,           0,      1,       //
                  1 / n,       p / n,  p2 / n,  //
                  1 / n,       -p / n, p2 / n,  //
                  1 / m,       q / m,  q2 / m,  //
                  1 / m,       -q / m, q2 / m}},
          {4, 6, {1, 0, 1,      1,       1,      1,    //
                  0, 0, p,      -p,      q,      -q,   //
                  0, 0, p2,     p2,      q2,     q2,   //
                  0, 1, p * p2, -p * p2, q * q2, -q * q2}}};
}

/// matrix m matrix', or what the magnitudes of its terms add up to.
inline std::vector<double> transform(const Matrix& matrix, const std::vector<double>& m, bool absolute = false) {
  const std::int64_t rows = matrix.rows, columns = matrix.columns;
  std::vector<double> result(static_cast<std::size_t>(rows * rows));
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < rows; ++j) {
      double& sum = result[static_cast<std::size_t>(i * rows + j)];
      for (std::int64_t k = 0; k < columns; ++k) {
        for (std::int64_t l = 0; l < columns; ++l) {
          const double term = matrix.at(i, k) * matrix.at(j, l) * m[static_cast<std::size_t>(k * columns + l)];
          sum += absolute ? std::abs(term) : term;
        }
      }
    }
  }
  return result;
}

/// Roundings, at most, of a transform with tiles of so many outputs. Tiles of 2 x 2 only add and halve: along an axis
/// two additions, or one. Those of 4 x 4 add up three products with constants, which may be rounded themselves.
inline double winograd_roundings(simd::WinogradSize size) { return size == simd::WinogradSize::two ? 4 : 2 * 7; }

/// The n x n pixels of channel ic that the outputs from (oh, ow) on see.
inline std::vector<double> winograd_pixels_at(const simd::ConvShape& s, simd::WinogradSize size,
                                              const std::vector<double>& src, std::int64_t oh, std::int64_t ow,
                                              std::int64_t ic) {
  const std::int64_t n = simd::winograd_pixels(size);
  std::vector<double> pixels(static_cast<std::size_t>(n * n));
  for (std::int64_t p = 0; p < n * n; ++p) {
    const std::int64_t ih = oh - s.pad_top + p / n, iw = ow - s.pad_left + p % n;
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
inline std::vector<WinogradTileCase> winograd_tile_cases(simd::WinogradSize size) {
  if (size == simd::WinogradSize::two) {
    return {{0, 4, 0, 4, 2, 2}, {1, 4, 0, 4, 2, 2}, {0, 3, 0, 4, 1, 2}, {0, 4, 1, 3, 2, 2},
            {1, 2, 2, 4, 2, 1}, {0, 4, 0, 0, 2, 2}, {4, 4, 0, 4, 1, 1}};
  }
  return {{0, 6, 0, 6, 4, 4}, {1, 6, 0, 6, 4, 4}, {0, 5, 0, 6, 3, 4}, {0, 6, 1, 4, 4, 2}, {2, 3, 3, 6, 4, 3},
          {0, 6, 0, 0, 4, 1}, {6, 6, 0, 6, 1, 3}, {0, 3, 1, 3, 1, 1}, {1, 4, 0, 5, 2, 3}, {1, 5, 1, 5, 4, 4}};
}

/// The awkward convolutions that can be done by Winograd's filtering.
inline std::vector<simd::ConvShape> winograd_convolutions() {
  std::vector<simd::ConvShape> shapes = awkward_convolutions();
  std::erase_if(shapes, [](const simd::ConvShape& s) { return !simd::has_winograd_tiles(s); });
  // filters that are packed as they are by either size
  shapes.push_back({.ic = 190, .ih = 6, .iw = 7, .oc = 180, .kh = 3, .kw = 3});
  return shapes;
}

/// Around the widths of vectors.
inline constexpr std::int64_t kWinogradChannels[] = {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64};

}  // namespace tilewise::testing
