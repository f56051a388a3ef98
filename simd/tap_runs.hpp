#pragma once

#include <cstdint>
#include <vector>

#include "tilewise/simd/conv_shape.hpp"

namespace tilewise::simd {

/// Consecutive outputs along one axis whose windows have the same taps inside the image, perhaps none: so
/// that kernels never meet padding.
struct TapRun {
  std::int64_t first, end;          ///< outputs
  std::int64_t first_tap, end_tap;  ///< of the filter; both 0 if all are padding

  std::int64_t outputs() const { return end - first; }
  std::int64_t taps() const { return end_tap - first_tap; }

  friend bool operator==(const TapRun&, const TapRun&) = default;
};

/// The runs that cover a convolution's output, in order: of rows, and of columns.
std::vector<TapRun> row_tap_runs(const ConvShape& shape);
std::vector<TapRun> column_tap_runs(const ConvShape& shape);

}  // namespace tilewise::simd
