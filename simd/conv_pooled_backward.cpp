#include "tilewise/simd/conv_pooled_backward.hpp"

#include <algorithm>

#include "tilewise/core/error.hpp"
#include "tilewise/simd/conv_padding.hpp"

namespace tilewise::simd {
namespace {

/// Terms that are listed together at most: 64 KB.
constexpr std::int64_t kListedTerms = 8192;

}  // namespace

ConvPooledBackward::ConvPooledBackward(const KernelTable& kernels, const ConvShape& conv,
                                       const PoolGeometry& pool)
    : kernels_(kernels),
      conv_(conv.checked()),
      pool_(checked_pool_of(conv, pool)),
      row_(conv.kw * conv.ic),
      pieces_(vectors_of(kernels, row_), kMaxSparseVectors),
      bands_(windows(), std::max<std::int64_t>(1, kListedTerms / conv.oc)) {
  if (!possible(kernels, conv)) {
    throw ArgumentError("ConvPooledBackward: a filter row of " + conv.to_string() +
                        " is not one run of at least " + std::to_string(kernels.vector_floats) +
                        ", or too far from another");
  }
  for (std::int64_t oh = 0; oh < pool.oh; ++oh) {
    for (std::int64_t ow = 0; ow < pool.ow; ++ow) {
      window_origins_.push_back(
          origin(oh * pool.stride_h - pool.pad_top, ow * pool.stride_w - pool.pad_left));
    }
  }
  for (std::int64_t kh = 0; kh < pool.kh; ++kh) {
    for (std::int64_t kw = 0; kw < pool.kw; ++kw) tap_origins_.push_back(origin(kh, kw));
  }
}

bool ConvPooledBackward::possible(const KernelTable& kernels, const ConvShape& conv) {
  conv.check();
  // Offsets have 32 bits.
  const std::int64_t largest = std::max(conv.stored_h() * conv.stored_w() * conv.ic, conv.wei_size());
  return (conv.dilation_w == 1 || conv.kw == 1) && conv.kw * conv.ic >= kernels.vector_floats &&
         largest <= INT32_MAX;
}

bool ConvPooledBackward::pays(const KernelTable& kernels, const ConvShape& conv,
                              const PoolGeometry& pool) {
  return possible(kernels, conv) && 3 * pool.oh * pool.ow <= conv.oh() * conv.ow();
}

std::int64_t ConvPooledBackward::scratch_floats() const {
  const std::int64_t band = bands_.size(0);
  const std::int64_t lists = workspace_floats_of<SparseTerm>(band * conv_.oc) +
                             workspace_floats_of<SparseSum>(std::max(band * taps(), conv_.oc));
  return lists + (conv_.padded() ? round_up_to_line(conv_.stored_h() * stored_row()) : 0);
}

void ConvPooledBackward::pack(const float* wei, float* packed) const {
  const std::int64_t k = conv_.kh * row_;
  kernels_.transpose(k, conv_.oc, wei, conv_.oc, packed, k, 0);
}

void ConvPooledBackward::unpack(const float* packed, float* wei) const {
  const std::int64_t k = conv_.kh * row_;
  kernels_.transpose(conv_.oc, k, packed, k, wei, conv_.oc, 0);
}

template <class Body>
void ConvPooledBackward::for_each_run(Body body) const {
  const std::int64_t width = kernels_.vector_floats;
  for (std::int64_t kh = 0; kh < conv_.kh; ++kh) {
    for (std::int64_t i = 0; i < pieces_.pieces; ++i) {
      const std::int64_t first = pieces_.begin(i) * width;
      body(kh, first, std::min(row_ - first, pieces_.size(i) * width));
    }
  }
}

void ConvPooledBackward::weights(const float* src, const float* d_pooled, const PoolPlace* argmax,
                                 float* packed_d_wei, Workspace scratch) const {
  const ConvShape& s = conv_;
  const float* const stored = padded_rows(s, src, 0, s.oh(), scratch);
  const std::int64_t band = bands_.size(0);
  auto* const terms = scratch.take_array<SparseTerm>(band * s.oc);
  auto* const sums = scratch.take_array<SparseSum>(s.oc);
  const std::int64_t* const tap_origins = tap_origins_.data();
  for (std::int64_t b = 0; b < bands_.pieces; ++b) {
    for (std::int64_t oc = 0; oc < s.oc; ++oc) {
      sums[oc] = {static_cast<std::int32_t>(oc * band), 0, oc * s.kh * row_};
    }
    for (std::int64_t w = bands_.begin(b); w < bands_.begin(b) + bands_.size(b); ++w) {
      const std::int64_t first = window_origins_[static_cast<std::size_t>(w)];
      const float* const gradient = d_pooled + w * s.oc;
      const PoolPlace* const picked = argmax + w * s.oc;
      for (std::int64_t oc = 0; oc < s.oc; ++oc) {
        SparseSum& sum = sums[oc];
        terms[sum.first + sum.count] = {static_cast<std::int32_t>(first + tap_origins[picked[oc]]),
                                        gradient[oc]};
        sum.count += gradient[oc] != 0 ? 1 : 0;  // else the next term takes its place
      }
    }
    for_each_run([&](std::int64_t kh, std::int64_t first, std::int64_t n) {
      kernels_.add_sparse(s.oc, sums, terms, stored + kh * s.dilation_h * stored_row() + first, n,
                          packed_d_wei + kh * row_ + first);
    });
  }
}

void ConvPooledBackward::data(const float* d_pooled, const PoolPlace* argmax,
                              const float* packed_wei, float* d_src, Workspace scratch) const {
  const ConvShape& s = conv_;
  const std::int64_t stored_size = s.stored_h() * stored_row();
  float* const stored = s.padded() ? scratch.take(stored_size) : d_src;
  std::fill_n(stored, s.padded() ? stored_size : s.src_size(), 0.0F);
  const std::int64_t band = bands_.size(0);
  auto* const terms = scratch.take_array<SparseTerm>(band * s.oc);
  auto* const sums = scratch.take_array<SparseSum>(band * taps());
  for (std::int64_t b = 0; b < bands_.pieces; ++b) {
    SparseSum* sum = sums;
    std::int32_t listed = 0;
    for (std::int64_t w = bands_.begin(b); w < bands_.begin(b) + bands_.size(b); ++w) {
      const std::int64_t first = window_origins_[static_cast<std::size_t>(w)];
      for (std::int64_t tap = 0; tap < taps(); ++tap, ++sum) {
        const std::int32_t count =
            kernels_.list_picked(s.oc, d_pooled + w * s.oc, argmax + w * s.oc,
                                 static_cast<std::int32_t>(tap),
                                 static_cast<std::int32_t>(s.kh * row_), terms + listed);
        *sum = {listed, count, first + tap_origins_[static_cast<std::size_t>(tap)]};
        listed += count;
      }
    }
    for_each_run([&](std::int64_t kh, std::int64_t first, std::int64_t n) {
      kernels_.add_sparse(sum - sums, sums, terms, packed_wei + kh * row_ + first, n,
                          stored + kh * s.dilation_h * stored_row() + first);
    });
  }
  if (!s.padded()) return;
  const std::int64_t row = s.iw * s.ic;
  const float* in = stored + s.pad_top * stored_row() + s.pad_left * s.ic;
  for (std::int64_t ih = 0; ih < s.ih; ++ih, in += stored_row()) std::copy_n(in, row, d_src + ih * row);
}

}  // namespace tilewise::simd
