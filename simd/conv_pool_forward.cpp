#include "tilewise/simd/conv_pool_forward.hpp"

#include <algorithm>
#include <limits>

#include "tilewise/simd/conv_padding.hpp"
#include "tilewise/simd/panels.hpp"

namespace tilewise::simd {
namespace {

// Longer sums are faster in the tall tiles of ConvForward: what pooling costs afterwards is little then.
constexpr std::int64_t kShortSum = 32;
// Floats of an image with its padding that should stay in L1.
constexpr std::int64_t kBandFloats = 4096;

bool short_and_two_by_two(const ConvShape& s, const MaxPoolGeometry& g) {
  return s.kh * s.kw * s.ic <= kShortSum && g.kh == 2 && g.kw == 2 && g.pad_top == 0 &&
         g.pad_left == 0 && (g.oh - 1) * g.stride_h + 2 <= s.oh() &&
         (g.ow - 1) * g.stride_w + 2 <= s.ow();
}

/// Filters in panels of as many vectors as make a tile of four rows, or fewer where that is as many panels.
TileShape four_rows(const KernelTable& kernels, std::int64_t channels) {
  std::int64_t most = 1;
  while (most < kMaxTileVectors && kernels.max_rows[most] >= 4) ++most;
  const EvenSplit panels(ceil_div(channels, kernels.vector_floats), most);
  return {.rows = 4, .vectors = panels.size(0), .columns = panels.size(0) * kernels.vector_floats};
}

/// Rows of the convolution's output that `rows` rows of windows stand on.
std::int64_t rows_below(const MaxPoolGeometry& g, std::int64_t rows) {
  return (rows - 1) * g.stride_h + g.kh;
}

}  // namespace

ConvPoolForward::ConvPoolForward(const KernelTable& kernels, const ConvShape& conv,
                                 const MaxPoolGeometry& pool)
    : kernels_(kernels),
      conv_(conv),
      pool_(pool),
      forward_(kernels, conv),
      in_registers_(short_and_two_by_two(conv, pool)),
      tile_(four_rows(kernels, conv.oc)),
      bands_(pool.oh, std::max<std::int64_t>(
                          1, kBandFloats / (pool.stride_h * conv.stride_h * conv.stored_w() * conv.ic))) {
  for (std::int64_t kh = 0; kh < conv.kh; ++kh) {
    for (std::int64_t kw = 0; kw < conv.kw; ++kw) {
      for (std::int64_t ic = 0; ic < conv.ic; ++ic) {
        taps_.push_back((kh * conv.dilation_h * conv.stored_w() + kw * conv.dilation_w) * conv.ic + ic);
      }
    }
  }
}

std::int64_t ConvPoolForward::packed_floats() const {
  return in_registers_ ? simd::packed_floats(tile_, static_cast<std::int64_t>(taps_.size()), conv_.oc)
                       : forward_.packed_floats();
}

std::int64_t ConvPoolForward::scratch_floats() const {
  return in_registers_ ? padded_rows_floats(conv_, rows_below(pool_, bands_.size(0)))
                       : round_up_to_line(conv_.dst_size()) + forward_.scratch_floats();
}

void ConvPoolForward::pack(const float* wei, float* packed) const {
  if (in_registers_) {
    pack_panels(kernels_, tile_, static_cast<std::int64_t>(taps_.size()), conv_.oc, Transpose::no, wei,
                conv_.oc, packed);
  } else {
    forward_.pack(wei, packed);
  }
}

void ConvPoolForward::image(const float* src, const float* packed_wei, const float* bias, float floor,
                            float* dst, std::int32_t* argmax, Workspace scratch) const {
  const MaxPoolGeometry& g = pool_;
  if (!in_registers_) {
    constexpr float kNoFloor = -std::numeric_limits<float>::infinity();
    float* const convolved = scratch.take(conv_.dst_size());
    forward_.image(src, packed_wei, bias, kNoFloor, convolved, scratch);
    kernels_.max_pool_forward(g, convolved, dst, argmax);
    if (floor == 0) kernels_.relu_forward(g.oh * g.ow * g.channels, dst, dst);
    return;
  }
  const std::int64_t row = conv_.stride_h * conv_.stored_w() * conv_.ic;
  const std::int64_t column = conv_.stride_w * conv_.ic;
  ConvPoolArgs args{.taps = taps_.data(),
                    .tap_count = static_cast<std::int64_t>(taps_.size()),
                    .row_step = row,
                    .column_step = column,
                    .windows = g.ow,
                    .window_step = g.stride_w * column,
                    .wei = packed_wei,
                    .panel_vectors = tile_.vectors,
                    .bias = bias,
                    .floor = floor,
                    .channels = conv_.oc};
  for (std::int64_t band = 0; band < bands_.pieces; ++band) {
    const std::int64_t first = bands_.begin(band), rows = bands_.size(band);
    Workspace rest = scratch;
    const float* const stored =
        padded_rows(conv_, src, first * g.stride_h, rows_below(g, rows), rest);
    for (std::int64_t oh = 0; oh < rows; ++oh) {
      args.src = stored + oh * g.stride_h * row;
      args.dst = dst + (first + oh) * g.ow * conv_.oc;
      args.argmax = argmax + (first + oh) * g.ow * conv_.oc;
      kernels_.conv_pool(args);
    }
  }
}

}  // namespace tilewise::simd
