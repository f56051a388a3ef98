#include "tilewise/simd/conv_sampling.hpp"

namespace tilewise::simd {

bool wants_samples(const KernelTable& kernels, const ConvShape& s) {
  constexpr std::int64_t kRepayingVectors = 8;
  const bool are_some = s.kh == 1 && s.kw == 1 && !s.padded() && (s.oh() < s.ih || s.ow() < s.iw);
  return are_some && s.oc >= kRepayingVectors * kernels.vector_floats;
}

ConvShape of_samples(const ConvShape& s) {
  return ConvShape{.ic = s.ic, .ih = s.oh(), .iw = s.ow(), .oc = s.oc}.joined();
}

const float* copy_samples(const KernelTable& kernels, const ConvShape& s, const float* src, std::int64_t images,
                          std::int64_t first, std::int64_t end, Workspace& scratch) {
  const std::int64_t image = (end - first) * s.ic;
  float* const sampled = scratch.take(images * image);
  for (std::int64_t i = 0; i < images; ++i) {
    for_each_sampled_row(s, first, end, [&](std::int64_t offset, std::int64_t pixel, std::int64_t pixels) {
      kernels.copy_matrix(pixels, s.ic, src + i * s.src_size() + offset, s.stride_w * s.ic,
                          sampled + i * image + (pixel - first) * s.ic, s.ic, s.ic);
    });
  }
  return sampled;
}

}  // namespace tilewise::simd
