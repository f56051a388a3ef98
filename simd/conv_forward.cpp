#include "tilewise/simd/conv_forward.hpp"

#include <algorithm>

#include "tilewise/simd/conv_padding.hpp"
#include "tilewise/simd/panels.hpp"

namespace tilewise::simd {

ConvForward::ConvForward(const KernelTable& kernels, const ConvShape& shape)
    : kernels_(kernels), shape_(shape.joined()) {
  const ConvShape& s = shape_;
  tile_ = choose_tile(kernels, s.ow(), s.oc, s.kh * s.kw * s.ic);
  // Adjacent taps of a filter row are adjacent in memory too; dilated ones are not.
  const std::int64_t runs_per_row = s.dilation_w == 1 ? 1 : s.kw;
  k_ = s.kw / runs_per_row * s.ic;
  for (std::int64_t kh = 0; kh < s.kh; ++kh) {
    for (std::int64_t run = 0; run < runs_per_row; ++run) {
      src_offsets_.push_back((kh * s.dilation_h * s.stored_w() + run * s.dilation_w) * s.ic);
      wei_offsets_.push_back((kh * runs_per_row + run) * k_ * tile_.columns);
    }
  }
}

std::int64_t ConvForward::packed_floats() const {
  return simd::packed_floats(tile_, shape_.kh * shape_.kw * shape_.ic, shape_.oc);
}

std::int64_t ConvForward::scratch_floats() const { return padded_image_floats(shape_); }

void ConvForward::pack(const float* wei, float* packed) const {
  pack_panels(tile_, shape_.kh * shape_.kw * shape_.ic, shape_.oc, 1.0F, wei, shape_.oc, 1, packed);
}

void ConvForward::image(const float* src, const float* packed_wei, const float* bias, float floor,
                        float* dst, Workspace scratch) const {
  const ConvShape& s = shape_;
  const float* padded = padded_image(s, src, scratch);
  const std::int64_t taps = s.kh * s.kw * s.ic;
  TileArgs args{.a_offsets = src_offsets_.data(),
                .b_offsets = wei_offsets_.data(),
                .pairs = static_cast<std::int64_t>(src_offsets_.size()),
                .k = k_,
                .a_row_stride = s.stride_w * s.ic,
                .a_k_stride = 1,
                .ldb = tile_.columns,
                .ldc = s.oc,
                .epilogue = Epilogue::bias,
                .floor = floor};
  // Panels outside, rows inside: a panel of filters stays in L1 while the image passes by.
  for (std::int64_t oc = 0; oc < s.oc; oc += tile_.columns) {
    args.b = packed_wei + oc * taps;
    args.bias = bias + oc;
    args.columns = std::min(tile_.columns, s.oc - oc);
    for (std::int64_t oh = 0; oh < s.oh(); ++oh) {
      args.a = padded + oh * s.stride_h * s.stored_w() * s.ic;
      args.c = dst + oh * s.ow() * s.oc + oc;
      multiply_panel(kernels_, tile_, s.ow(), args);
    }
  }
}

void ConvForward::batch(Executor& executor, std::int64_t images, const float* src,
                        const float* packed_wei, const float* bias, float floor, float* dst,
                        Workspace workspace) const {
  float* scratch = workspace.take(workspace_floats(executor.threads()));
  executor.parallel_for(images, 0.02 * shape_.multiply_adds() * static_cast<double>(images), [&](std::int64_t i, int worker) {
    image(src + i * shape_.src_size(), packed_wei, bias, floor, dst + i * shape_.dst_size(),
          Workspace(scratch + worker * scratch_floats(), scratch_floats()));
  });
}

}  // namespace tilewise::simd
