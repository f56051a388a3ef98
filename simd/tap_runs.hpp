#pragma once

#include <cstdint>
#include <vector>

#include "tilewise/simd/conv_shape.hpp"

namespace tilewise::simd {

/// Outputs along one axis, at equal distances, whose windows have the same taps inside the input, perhaps none: so
/// that kernels never meet padding.
struct TapRun {
  std::int64_t first, outputs;   ///< the first of so many
  std::int64_t first_tap, taps;  ///< in the order of TapAxis::taps; 0, as first_input, if all are padding
  std::int64_t first_input;      ///< that the first output sees by its first tap

  friend bool operator==(const TapRun&, const TapRun&) = default;
};

/// One axis of a convolution, or of the gradient with respect to its source, which is one, too: output i of a run,
/// first + i * output_step, sees by its tap t the input first_input + i * input_step + t * tap_step.
struct TapAxis {
  std::int64_t output_step, input_step, tap_step;
  std::int64_t reach;              ///< the first outputs see nothing from this input on
  std::vector<std::int64_t> taps;  ///< of the filter, in the order in which they should be packed
  std::vector<TapRun> runs;        ///< of all outputs

  std::int64_t most_taps() const;  ///< of a run
};

/// The runs of dst, whose inputs are those of src, in order: of rows, and of columns.
TapAxis forward_rows(const ConvShape& shape);
TapAxis forward_columns(const ConvShape& shape);

/// The runs of d_src, whose inputs are those of d_dst. Pixels of the same phase, a stride apart, are summed over the
/// same taps,
///   d_src(ih) = sum over kh of d_dst(oh) * wei(kh)   where ih = oh * stride - pad + kh * dilation,
/// every stride / gcd(stride, dilation)-th of the filter: from the last to the first of them they see neighbours in
/// d_dst, dilation / gcd(stride, dilation) apart.
TapAxis backward_data_rows(const ConvShape& shape);
TapAxis backward_data_columns(const ConvShape& shape);

}  // namespace tilewise::simd
