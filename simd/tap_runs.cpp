#include "tilewise/simd/tap_runs.hpp"

#include <algorithm>

#include "tilewise/simd/blocking.hpp"

namespace tilewise::simd {
namespace {

/// Of windows of `taps` taps, `dilation` apart; the first stands at -pad, each next one `stride` further on.
std::vector<TapRun> tap_runs(std::int64_t input, std::int64_t outputs, std::int64_t taps,
                             std::int64_t stride, std::int64_t dilation, std::int64_t pad) {
  std::vector<TapRun> runs;
  for (std::int64_t o = 0; o < outputs; ++o) {
    // 0 <= start + tap * dilation < input
    const std::int64_t start = o * stride - pad;
    TapRun run{o, o + 1, start < 0 ? ceil_div(-start, dilation) : 0,
               start < input ? std::min(taps, ceil_div(input - start, dilation)) : 0};
    if (run.taps() <= 0) run.first_tap = run.end_tap = 0;
    const bool goes_on = !runs.empty() && runs.back().first_tap == run.first_tap &&
                         runs.back().end_tap == run.end_tap;
    if (goes_on) {
      runs.back().end = run.end;
    } else {
      runs.push_back(run);
    }
  }
  return runs;
}

}  // namespace

std::vector<TapRun> row_tap_runs(const ConvShape& s) {
  return tap_runs(s.ih, s.oh(), s.kh, s.stride_h, s.dilation_h, s.pad_top);
}

std::vector<TapRun> column_tap_runs(const ConvShape& s) {
  return tap_runs(s.iw, s.ow(), s.kw, s.stride_w, s.dilation_w, s.pad_left);
}

}  // namespace tilewise::simd
