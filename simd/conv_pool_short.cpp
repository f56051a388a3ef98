#include "tilewise/simd/conv_pool_short.hpp"

#include <algorithm>

#include "tilewise/core/error.hpp"
#include "tilewise/simd/conv_padding.hpp"
#include "tilewise/simd/panels.hpp"

namespace tilewise::simd {
namespace {

// Longer sums are faster in tall tiles that know nothing of pooling: what pooling costs afterwards is
// little then.
constexpr std::int64_t kMostTaps = 32;
// Floats of an image with its padding that should stay in L1.
constexpr std::int64_t kBandFloats = 4096;
// Two half vectors, not one whole, where a CPU takes those in halves: so that a tile has eight sums.
constexpr int kLeastVectors = 2;

/// Panels of as many vectors as make a tile of four rows, or fewer where that gives as many panels.
TileShape four_rows(const KernelTable& kernels, std::int64_t channels) {
  std::int64_t most = 1;
  while (most < kMaxTileVectors && kernels.max_rows[most] >= 4) ++most;
  const EvenSplit panels(vectors_of(kernels, channels), most);
  return {.rows = 4, .vectors = panels.size(0), .columns = panels.size(0) * kernels.vector_floats};
}

/// Rows of the convolution's output that `rows` rows of windows stand on.
std::int64_t rows_below(const PoolGeometry& g, std::int64_t rows) {
  return (rows - 1) * g.stride_h + g.kh;
}

}  // namespace

ConvPoolShort::ConvPoolShort(const KernelTable& kernels, const ConvShape& conv,
                             const PoolGeometry& pool)
    : kernels_(kernels_for_columns(kernels, conv.oc, kLeastVectors)),
      conv_(conv.checked()),
      pool_(checked_pool_of(conv, pool)),
      tile_(four_rows(kernels_, conv.oc)),
      bands_(pool.oh, std::max<std::int64_t>(
                          1, kBandFloats / (pool.stride_h * conv.stride_h * conv.stored_w() * conv.ic))) {
  if (!possible(conv, pool)) {
    throw ArgumentError("ConvPoolShort: " + conv.to_string() + " has too many taps, or windows are not 2x2");
  }
  for (std::int64_t kh = 0; kh < conv.kh; ++kh) {
    for (std::int64_t kw = 0; kw < conv.kw; ++kw) {
      for (std::int64_t ic = 0; ic < conv.ic; ++ic) {
        taps_.push_back((kh * conv.dilation_h * conv.stored_w() + kw * conv.dilation_w) * conv.ic + ic);
      }
    }
  }
}

bool ConvPoolShort::possible(const ConvShape& conv, const PoolGeometry& pool) {
  conv.check();
  return conv.kh * conv.kw * conv.ic <= kMostTaps && pool.kh == 2 && pool.kw == 2 &&
         pool.pad_top == 0 && pool.pad_left == 0 && rows_below(pool, pool.oh) <= conv.oh() &&
         (pool.ow - 1) * pool.stride_w + 2 <= conv.ow();
}

std::int64_t ConvPoolShort::packed_floats() const {
  return simd::packed_floats(tile_, static_cast<std::int64_t>(taps_.size()), conv_.oc);
}

std::int64_t ConvPoolShort::scratch_floats() const {
  return padded_rows_floats(conv_, rows_below(pool_, bands_.size(0)));
}

void ConvPoolShort::pack(const float* wei, float* packed) const {
  pack_panels(kernels_, tile_, static_cast<std::int64_t>(taps_.size()), conv_.oc, Transpose::no, wei,
              conv_.oc, packed);
}

template <class Body>
void ConvPoolShort::for_each_row(const float* src, Workspace scratch, Body body) const {
  for (std::int64_t band = 0; band < bands_.pieces; ++band) {
    const std::int64_t first = bands_.begin(band), rows = bands_.size(band);
    Workspace rest = scratch;
    const float* stored = padded_rows(conv_, src, first * pool_.stride_h, rows_below(pool_, rows), rest);
    for (std::int64_t row = first; row < first + rows; ++row) {
      body(row, stored);
      stored += pool_.stride_h * conv_.stride_h * conv_.stored_w() * conv_.ic;
    }
  }
}

ConvPoolArgs ConvPoolShort::arguments() const {
  const std::int64_t column = conv_.stride_w * conv_.ic;
  return {.taps = taps_.data(),
          .tap_count = static_cast<std::int64_t>(taps_.size()),
          .row_step = conv_.stride_h * conv_.stored_w() * conv_.ic,
          .column_step = column,
          .windows = pool_.ow,
          .window_step = pool_.stride_w * column,
          .panel_vectors = tile_.vectors,
          .channels = conv_.oc};
}

void ConvPoolShort::forward(const float* src, const float* packed_wei, const float* bias, float floor,
                            float* dst, PoolPlace* argmax, Workspace scratch) const {
  ConvPoolArgs args = arguments();
  args.wei = packed_wei;
  args.bias = bias;
  args.floor = floor;
  for_each_row(src, scratch, [&](std::int64_t row, const float* first) {
    args.src = first;
    args.dst = dst + row * pool_.ow * conv_.oc;
    args.argmax = argmax + row * pool_.ow * conv_.oc;
    kernels_.conv_pool(args);
  });
}

void ConvPoolShort::weights(const float* src, const float* d_pooled, const PoolPlace* argmax,
                            float* d_wei, Workspace scratch) const {
  ConvPoolArgs args = arguments();
  for_each_row(src, scratch, [&](std::int64_t row, const float* first) {
    args.src = first;
    args.d_dst = d_pooled + row * pool_.ow * conv_.oc;
    args.picked = argmax + row * pool_.ow * conv_.oc;
    kernels_.conv_pool_weights(args, d_wei);
  });
}

}  // namespace tilewise::simd
