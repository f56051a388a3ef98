#include "tilewise/simd/depthwise_conv.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "tilewise/core/error.hpp"

namespace tilewise::simd {
namespace {

/// One axis of a convolution.
struct Axis {
  std::int64_t input, output, taps, stride, pad, dilation;
};

/// A tap and the place that it reads to make one result.
struct Reading {
  std::int64_t tap, from;
};

/// What each place of the output is made from, or backward each place of the input's gradient.
std::vector<std::vector<Reading>> readings(const Axis& axis, bool backward) {
  std::vector<std::vector<Reading>> result(static_cast<std::size_t>(backward ? axis.input : axis.output));
  for (std::int64_t out = 0; out < axis.output; ++out) {
    for (std::int64_t tap = 0; tap < axis.taps; ++tap) {
      const std::int64_t in = out * axis.stride + tap * axis.dilation - axis.pad;
      if (in < 0 || in >= axis.input) continue;
      if (backward) {
        result[static_cast<std::size_t>(in)].push_back({tap, out});
      } else {
        result[static_cast<std::size_t>(out)].push_back({tap, in});
      }
    }
  }
  return result;
}

/// Whether `next` is read with the same taps, each `step` places further on.
bool continues(const std::vector<Reading>& last, const std::vector<Reading>& next, std::int64_t step) {
  return std::ranges::equal(last, next, [step](const Reading& a, const Reading& b) {
    return a.tap == b.tap && a.from + step == b.from;
  });
}

}  // namespace

DepthwiseConv::DepthwiseConv(const KernelTable& kernels, const ConvShape& shape, std::int64_t multiplier)
    : kernels_(kernels), shape_(shape.checked()), multiplier_(multiplier) {
  if (multiplier < 1 || shape.oc != shape.ic * multiplier) {
    throw ShapeError("depthwise convolution " + shape.to_string() + ": expected " +
                     std::to_string(multiplier) + " output channels for each channel");
  }
  forward_ = make_pass(false);
  backward_ = make_pass(true);
}

// Forward, results are pixels of dst and what is read are those of src; backward the other way round. Both
// have oc channels.
DepthwiseConv::Pass DepthwiseConv::make_pass(bool backward) const {
  const ConvShape& s = shape_;
  const Axis rows{s.ih, s.oh(), s.kh, s.stride_h, s.pad_top, s.dilation_h};
  const Axis columns{s.iw, s.ow(), s.kw, s.stride_w, s.pad_left, s.dilation_w};
  const std::int64_t read_row = (backward ? s.ow() : s.iw) * s.oc;
  Pass pass{};
  pass.dst_row = (backward ? s.iw : s.ow()) * s.oc;
  // From one pixel of a run to the next: with a stride, every so manieth pixel has the same taps.
  const std::int64_t step = backward ? s.stride_w : 1, read_step = backward ? 1 : s.stride_w;
  pass.src_step = read_step * s.oc;
  pass.dst_step = step * s.oc;

  for (const auto& row : readings(rows, backward)) {
    Run run{static_cast<std::int64_t>(pass.rows.size()), 1, {}};
    for (const Reading& reading : row) {
      run.taps.push_back({reading.from * read_row, reading.tap * s.kw * s.oc});
    }
    pass.rows.push_back(std::move(run));
  }
  const auto made = readings(columns, backward);
  const auto width = static_cast<std::int64_t>(made.size());
  for (std::int64_t phase = 0; phase < std::min(step, width); ++phase) {
    for (std::int64_t at = phase; at < width; at += step) {
      const auto& now = made[static_cast<std::size_t>(at)];
      if (at != phase && continues(made[static_cast<std::size_t>(at - step)], now, read_step)) {
        ++pass.columns.back().count;
        continue;
      }
      Run run{at, 1, {}};
      for (const Reading& reading : now) run.taps.push_back({reading.from * s.oc, reading.tap * s.oc});
      pass.columns.push_back(std::move(run));
    }
  }
  return pass;
}

/// Calls body(arguments, place of the run's first result) for each run of each row.
template <class Body>
void DepthwiseConv::for_each_run(const Pass& pass, Body body) const {
  DepthwiseArgs args;
  args.channels = shape_.oc;
  args.src_step = pass.src_step;
  args.dst_step = pass.dst_step;
  args.floor = -std::numeric_limits<float>::infinity();
  for (const Run& row : pass.rows) {
    args.rows = row.taps.data();
    args.row_count = static_cast<std::int64_t>(row.taps.size());
    for (const Run& run : pass.columns) {
      args.columns = run.taps.data();
      args.column_count = static_cast<std::int64_t>(run.taps.size());
      args.pixels = run.count;
      body(args, row.first * pass.dst_row + run.first * shape_.oc);
    }
  }
}

std::int64_t DepthwiseConv::scratch_floats() const {
  return multiplier_ == 1 ? 0 : round_up_to_line(checked_product(shape_.ih * shape_.iw, shape_.oc));
}

/// The image with each channel as often as it has filters.
const float* DepthwiseConv::spread(const float* src, Workspace& scratch) const {
  if (multiplier_ == 1) return src;
  float* const copies = scratch.take(shape_.src_size() * multiplier_);
  float* next = copies;
  for (std::int64_t i = 0; i < shape_.src_size(); ++i) next = std::fill_n(next, multiplier_, src[i]);
  return copies;
}

void DepthwiseConv::forward(const float* src, const float* wei, const float* bias, float floor, float* dst,
                            Workspace scratch) const {
  const float* const image = spread(src, scratch);
  for_each_run(forward_, [&](DepthwiseArgs& args, std::int64_t at) {
    args.src = image;
    args.wei = wei;
    args.bias = bias;
    args.floor = floor;
    args.dst = dst + at;
    kernels_.depthwise(args);
  });
}

void DepthwiseConv::backward_data(const float* d_dst, const float* wei, float* d_src,
                                  Workspace scratch) const {
  float* const spread_out = multiplier_ == 1 ? d_src : scratch.take(shape_.src_size() * multiplier_);
  for_each_run(backward_, [&](DepthwiseArgs& args, std::int64_t at) {
    args.src = d_dst;
    args.wei = wei;
    args.dst = spread_out + at;
    kernels_.depthwise(args);
  });
  if (multiplier_ == 1) return;
  for (std::int64_t i = 0; i < shape_.src_size(); ++i) {
    float sum = 0;
    for (std::int64_t m = 0; m < multiplier_; ++m) sum += spread_out[i * multiplier_ + m];
    d_src[i] = sum;
  }
}

void DepthwiseConv::backward_weights(const float* src, const float* d_dst, float* d_wei,
                                     Workspace scratch) const {
  const float* const image = spread(src, scratch);
  for_each_run(forward_, [&](DepthwiseArgs& args, std::int64_t at) {
    args.src = image;
    kernels_.depthwise_weights(args, d_dst + at, d_wei);
  });
}

}  // namespace tilewise::simd
