#include "tilewise/simd/conv_backward_weights.hpp"

#include <algorithm>

#include "tilewise/simd/conv_padding.hpp"
#include "tilewise/simd/panels.hpp"

namespace tilewise::simd {

ConvBackwardWeights::ConvBackwardWeights(const KernelTable& kernels, const ConvShape& shape)
    : kernels_(kernels), shape_(shape.joined()), runs_per_row_(shape_.dilation_w == 1 ? 1 : shape_.kw) {
  const ConvShape& s = shape_;
  tile_ = choose_tile(kernels, s.kw / runs_per_row_ * s.ic, s.oc, s.oh() * s.ow());
  for (std::int64_t oh = 0; oh < s.oh(); ++oh) {
    src_offsets_.push_back(oh * s.stride_h * s.stored_w() * s.ic);
    d_dst_offsets_.push_back(oh * s.ow() * (packs_d_dst() ? tile_.columns : s.oc));
  }
}

/// The micro-kernel reads whole vectors of d_dst: odd channel counts need a zero-padded copy.
bool ConvBackwardWeights::packs_d_dst() const { return shape_.oc % kernels_.vector_floats != 0; }

std::int64_t ConvBackwardWeights::scratch_floats() const {
  return padded_image_floats(shape_) +
         (packs_d_dst()
              ? round_up_to_line(packed_floats(tile_, shape_.oh() * shape_.ow(), shape_.oc))
              : 0);
}

void ConvBackwardWeights::image(const float* src, const float* d_dst, float* d_wei,
                                Workspace scratch) const {
  const ConvShape& s = shape_;
  const std::int64_t pixels = s.oh() * s.ow();
  const float* padded = padded_image(s, src, scratch);
  const bool packed = packs_d_dst();
  if (packed) {
    float* panels = scratch.take(packed_floats(tile_, pixels, s.oc));
    pack_panels(tile_, pixels, s.oc, 1.0F, d_dst, s.oc, 1, panels);
    d_dst = panels;
  }
  TileArgs args{.a_offsets = src_offsets_.data(),
                .b_offsets = d_dst_offsets_.data(),
                .pairs = s.oh(),
                .k = s.ow(),
                .a_row_stride = 1,
                .a_k_stride = s.stride_w * s.ic,
                .ldb = packed ? tile_.columns : s.oc,
                .ldc = s.oc,
                .epilogue = Epilogue::add};
  const std::int64_t rows = s.kw / runs_per_row_ * s.ic;
  for (std::int64_t oc = 0; oc < s.oc; oc += tile_.columns) {
    args.b = d_dst + oc * (packed ? pixels : 1);
    args.columns = std::min(tile_.columns, s.oc - oc);
    for (std::int64_t kh = 0; kh < s.kh; ++kh) {
      for (std::int64_t run = 0; run < runs_per_row_; ++run) {
        args.a = padded + (kh * s.dilation_h * s.stored_w() + run * s.dilation_w) * s.ic;
        args.c = d_wei + (kh * runs_per_row_ + run) * rows * s.oc + oc;
        multiply_panel(kernels_, tile_, rows, args);
      }
    }
  }
}

std::int64_t ConvBackwardWeights::workspace_floats(std::int64_t images, int threads) const {
  return ceil_div(images, 8) * round_up_to_line(shape_.wei_size()) + threads * scratch_floats();
}
void ConvBackwardWeights::batch(Executor& executor, std::int64_t images, const float* src, const float* d_dst,
                        float* d_wei, Workspace workspace) const {
  float* scratch = workspace.take(executor.threads() * scratch_floats());
  const std::int64_t chunks = ceil_div(images, 8);
  const std::int64_t size = round_up_to_line(shape_.wei_size());
  float* sums = workspace.take(chunks * size);
  executor.parallel_for(chunks, 0.02 * shape_.multiply_adds() * static_cast<double>(images), [&](std::int64_t chunk, int worker) {
    std::fill_n(sums + chunk * size, size, 0.0F);
    for (std::int64_t i = chunk * 8; i < std::min(images, chunk * 8 + 8); ++i)
    image(src + i * shape_.src_size(), d_dst + i * shape_.dst_size(), sums + chunk * size,
          Workspace(scratch + worker * scratch_floats(), scratch_floats()));
  });
  for (std::int64_t chunk = 1; chunk < chunks; ++chunk) kernels_.add(size, sums + chunk * size, sums);
  std::copy_n(sums, shape_.wei_size(), d_wei);
}

}  // namespace tilewise::simd
