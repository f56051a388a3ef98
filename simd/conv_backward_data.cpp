#include "tilewise/simd/conv_backward_data.hpp"

#include <algorithm>

#include "tilewise/simd/panels.hpp"

namespace tilewise::simd {

ConvBackwardData::ConvBackwardData(const KernelTable& kernels, const ConvShape& shape)
    : kernels_(kernels), shape_(shape.joined()) {
  const ConvShape& s = shape_;
  tile_ = choose_tile(kernels, s.ow(), s.ic, s.kh * s.oc);

  for (std::int64_t kw = 0; kw < s.kw; ++kw) {
    // iw = ow * stride_w + shift must be in [0, s.iw)
    const std::int64_t shift = kw * s.dilation_w - s.pad_left;
    const std::int64_t first = shift >= 0 ? 0 : ceil_div(-shift, s.stride_w);
    const std::int64_t end =
        shift >= s.iw ? 0 : std::min(s.ow(), (s.iw - 1 - shift) / s.stride_w + 1);
    columns_.push_back({first, std::max<std::int64_t>(0, end - first), first * s.stride_w + shift});
  }
  for (std::int64_t ih = 0; ih < s.ih; ++ih) {
    row_first_.push_back(static_cast<std::int64_t>(d_dst_offsets_.size()));
    for (std::int64_t kh = 0; kh < s.kh; ++kh) {
      const std::int64_t position = ih + s.pad_top - kh * s.dilation_h;
      if (position < 0 || position % s.stride_h != 0 || position / s.stride_h >= s.oh()) continue;
      d_dst_offsets_.push_back(position / s.stride_h * s.ow() * s.oc);
      wei_offsets_.push_back(kh * s.oc * tile_.columns);
    }
  }
  row_first_.push_back(static_cast<std::int64_t>(d_dst_offsets_.size()));
}

std::int64_t ConvBackwardData::packed_floats() const {
  return shape_.kh * shape_.kw * simd::packed_floats(tile_, shape_.oc, shape_.ic);
}

// packed(panel, kw, kh, oc, j) = wei(kh, kw, panel * tile.columns + j, oc)
void ConvBackwardData::pack(const float* wei, float* packed) const {
  const ConvShape& s = shape_;
  for (std::int64_t ic = 0; ic < s.ic; ic += tile_.columns) {
    const std::int64_t columns = std::min(tile_.columns, s.ic - ic);
    for (std::int64_t kw = 0; kw < s.kw; ++kw) {
      for (std::int64_t kh = 0; kh < s.kh; ++kh, packed += s.oc * tile_.columns) {
        pack_panels(tile_, s.oc, columns, 1.0F, wei + ((kh * s.kw + kw) * s.ic + ic) * s.oc, 1, s.oc,
                    packed);
      }
    }
  }
}

void ConvBackwardData::image(const float* d_dst, const float* packed_wei, float* d_src) const {
  const ConvShape& s = shape_;
  std::fill_n(d_src, s.src_size(), 0.0F);
  TileArgs args{.k = s.oc,
                .a_row_stride = s.oc,
                .a_k_stride = 1,
                .ldb = tile_.columns,
                .ldc = s.stride_w * s.ic,
                .epilogue = Epilogue::add};
  const std::int64_t slab = s.kh * s.oc * tile_.columns;
  // Filter columns outside, rows inside: one slab of filters (kh x oc x columns) stays in L1.
  for (std::int64_t ic = 0; ic < s.ic; ic += tile_.columns) {
    args.columns = std::min(tile_.columns, s.ic - ic);
    for (const Column& column : columns_) {
      args.b = packed_wei;
      packed_wei += slab;
      if (column.count == 0) continue;
      args.a = d_dst + column.first_ow * s.oc;
      for (std::int64_t ih = 0; ih < s.ih; ++ih) {
        const auto row = static_cast<std::size_t>(ih);
        args.pairs = row_first_[row + 1] - row_first_[row];
        if (args.pairs == 0) continue;
        args.a_offsets = d_dst_offsets_.data() + row_first_[row];
        args.b_offsets = wei_offsets_.data() + row_first_[row];
        args.c = d_src + (ih * s.iw + column.first_iw) * s.ic + ic;
        multiply_panel(kernels_, tile_, column.count, args);
      }
    }
  }
}

void ConvBackwardData::batch(Executor& executor, std::int64_t images, const float* d_dst,
                        const float* packed_wei, float* d_src, Workspace) const {
  executor.parallel_for(images, 0.02 * shape_.multiply_adds() * static_cast<double>(images), [&](std::int64_t i, int) {
    image(d_dst + i * shape_.dst_size(), packed_wei, d_src + i * shape_.src_size());
  });
}

}  // namespace tilewise::simd
