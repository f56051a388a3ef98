#include "tilewise/simd/depthwise_conv.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string>

#include "tilewise/core/error.hpp"

namespace tilewise::simd {
namespace {

/// The taps of output i of a run: what is read lies `input_floats` a place apart, the filter's taps `tap_floats`.
std::vector<DepthwiseTap> taps_of(const TapAxis& axis, const TapRun& run, std::int64_t i, std::int64_t input_floats,
                                  std::int64_t tap_floats) {
  std::vector<DepthwiseTap> taps;
  for (std::int64_t t = 0; t < run.taps; ++t) {
    taps.push_back({(run.first_input + i * axis.input_step + t * axis.tap_step) * input_floats,
                    axis.taps[static_cast<std::size_t>(run.first_tap + t)] * tap_floats});
  }
  return taps;
}

}  // namespace

DepthwiseConv::DepthwiseConv(const KernelTable& kernels, const ConvShape& shape, std::int64_t multiplier)
    : kernels_(kernels), shape_(shape.checked()), multiplier_(multiplier) {
  if (multiplier < 1 || shape.oc != shape.ic * multiplier) {
    throw ShapeError("depthwise convolution " + shape.to_string() + ": expected " +
                     std::to_string(multiplier) + " output channels for each channel");
  }
  forward_ = make_pass(forward_rows(shape_), forward_columns(shape_), shape_.iw, shape_.ow());
  backward_ = make_pass(backward_data_rows(shape_), backward_data_columns(shape_), shape_.ow(), shape_.iw);
}

// What is read and what is written both have oc channels.
DepthwiseConv::Pass DepthwiseConv::make_pass(const TapAxis& rows, const TapAxis& columns, std::int64_t read_width,
                                             std::int64_t written_width) const {
  const std::int64_t oc = shape_.oc;
  Pass pass{.rows = {}, .columns = {}, .src_step = columns.input_step * oc, .dst_step = columns.output_step * oc,
            .dst_row = written_width * oc};
  for (const TapRun& run : rows.runs) {
    for (std::int64_t i = 0; i < run.outputs; ++i) {
      pass.rows.push_back(
          {run.first + i * rows.output_step, 1, taps_of(rows, run, i, read_width * oc, shape_.kw * oc)});
    }
  }
  // From top to bottom, not phase by phase of a stride: what is read for one row is read for the next ones, too.
  std::ranges::sort(pass.rows, {}, &Run::first);
  for (const TapRun& run : columns.runs) {
    pass.columns.push_back({run.first, run.outputs, taps_of(columns, run, 0, oc, oc)});
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
