#include "tilewise/simd/tap_runs.hpp"

#include <algorithm>
#include <numeric>

#include "tilewise/simd/blocking.hpp"

namespace tilewise::simd {
namespace {

/// One axis of a ConvShape.
struct Axis {
  std::int64_t input, outputs, taps, stride, dilation, pad;
};
Axis rows(const ConvShape& s) { return {s.ih, s.oh(), s.kh, s.stride_h, s.dilation_h, s.pad_top}; }
Axis columns(const ConvShape& s) { return {s.iw, s.ow(), s.kw, s.stride_w, s.dilation_w, s.pad_left}; }

/// Of windows of which the first starts at -pad, perhaps after 0, each next one a stride further on.
std::vector<TapRun> tap_runs(const Axis& a) {
  std::vector<TapRun> runs;
  for (std::int64_t o = 0; o < a.outputs; ++o) {
    // 0 <= start + tap * dilation < input
    const std::int64_t start = o * a.stride - a.pad;
    const std::int64_t first_tap = start < 0 ? ceil_div(-start, a.dilation) : 0;
    const std::int64_t end_tap = start < a.input ? std::min(a.taps, ceil_div(a.input - start, a.dilation)) : 0;
    TapRun run{o, 1, first_tap, end_tap - first_tap, start + first_tap * a.dilation};
    if (run.taps <= 0) run.first_tap = run.taps = run.first_input = 0;
    const bool goes_on =
        !runs.empty() && runs.back().first_tap == run.first_tap && runs.back().taps == run.taps;
    if (goes_on) {
      ++runs.back().outputs;
    } else {
      runs.push_back(run);
    }
  }
  return runs;
}

TapAxis forward(const Axis& a) {
  TapAxis axis{.output_step = 1,
               .input_step = a.stride,
               .tap_step = a.dilation,
               .reach = (a.taps - 1) * a.dilation + 1 - a.pad,
               .taps = std::vector<std::int64_t>(static_cast<std::size_t>(a.taps)),
               .runs = tap_runs(a)};
  std::iota(axis.taps.begin(), axis.taps.end(), 0);
  return axis;
}

TapAxis backward_data(const Axis& a) {
  const std::int64_t gcd = std::gcd(a.stride, a.dilation), tap_stride = a.stride / gcd;
  TapAxis axis{.output_step = a.stride,
               .input_step = 1,
               .tap_step = a.dilation / gcd,
               .reach = a.pad / a.stride + 1,
               .taps = {},
               .runs = {}};
  // A class of taps is first, first + tap_stride, ...; packed it starts at place[first].
  const std::int64_t classes = std::min(a.taps, tap_stride);
  std::vector<std::int64_t> place;
  const auto taps_of = [&](std::int64_t first) {
    return first < classes ? ceil_div(a.taps - first, tap_stride) : 0;
  };
  for (std::int64_t first = 0; first < classes; ++first) {
    place.push_back(static_cast<std::int64_t>(axis.taps.size()));
    for (std::int64_t i = taps_of(first); i-- > 0;) axis.taps.push_back(first + i * tap_stride);
  }
  for (std::int64_t phase = 0; phase < std::min(a.stride, a.input); ++phase) {
    // o * stride = phase + pad - tap * dilation
    const auto position = [&](std::int64_t tap) { return phase + a.pad - tap * a.dilation; };
    std::int64_t first = 0;
    while (first < classes && position(first) % a.stride != 0) ++first;
    const std::int64_t taps = taps_of(first);
    const std::int64_t last_tap = first + (taps - 1) * tap_stride;  // if there are any: otherwise all runs are empty
    const std::vector<TapRun> runs = tap_runs({.input = a.outputs,
                                               .outputs = ceil_div(a.input - phase, a.stride),
                                               .taps = taps,
                                               .stride = 1,
                                               .dilation = axis.tap_step,
                                               .pad = -position(last_tap) / a.stride});
    for (TapRun run : runs) {
      run.first = phase + run.first * a.stride;
      if (run.taps > 0) run.first_tap += place[static_cast<std::size_t>(first)];
      axis.runs.push_back(run);
    }
  }
  return axis;
}

}  // namespace

std::int64_t TapAxis::most_taps() const {
  return std::ranges::max_element(runs, {}, &TapRun::taps)->taps;
}

TapAxis forward_rows(const ConvShape& s) { return forward(rows(s)); }
TapAxis forward_columns(const ConvShape& s) { return forward(columns(s)); }
TapAxis backward_data_rows(const ConvShape& s) { return backward_data(rows(s)); }
TapAxis backward_data_columns(const ConvShape& s) { return backward_data(columns(s)); }

}  // namespace tilewise::simd
