#include "tilewise/simd/conv_backward_data.hpp"

namespace tilewise::simd {
namespace {

std::variant<ConvDirect, ConvWinograd, ConvSpread> choose(const KernelTable& kernels, const ConvShape& shape,
                                                          ConvAlgorithm algorithm) {
  const bool spreads = ConvSpread::pays(kernels, shape);
  // The lanes of Winograd's filtering are as idle as a direct convolution's: with half of them idle, or more, spreading
  // is faster.
  if (!spreads || 2 * shape.ic > kernels_for_columns(kernels, shape.ic).vector_floats) {
    if (const auto size = ConvWinograd::choose(kernels, shape, algorithm, ConvPass::backward_data)) {
      return ConvWinograd(kernels, shape, *size, ConvPass::backward_data);
    }
  }
  if (spreads) return ConvSpread(kernels, shape);
  return ConvDirect(kernels, shape, ConvPass::backward_data);
}

}  // namespace

ConvBackwardData::ConvBackwardData(const KernelTable& kernels, const ConvShape& shape, ConvAlgorithm algorithm)
    : way_(choose(kernels, shape.checked(), algorithm)) {}

std::string ConvBackwardData::kernel() const {
  return std::visit([](const auto& way) { return way.kernel(); }, way_);
}

std::int64_t ConvBackwardData::packed_floats() const {
  return std::visit([](const auto& way) { return way.packed_floats(); }, way_);
}

std::int64_t ConvBackwardData::scratch_floats() const {
  return std::visit([](const auto& way) { return way.scratch_floats(); }, way_);
}

double ConvBackwardData::multiply_adds() const {
  return std::visit([](const auto& way) { return way.multiply_adds(); }, way_);
}

void ConvBackwardData::pack(const float* wei, float* packed) const {
  std::visit([&](const auto& way) { way.pack(wei, packed); }, way_);
}

void ConvBackwardData::images(std::int64_t images, const float* d_dst, const float* packed_wei, float* d_src,
                              Workspace scratch) const {
  std::visit([&](const auto& way) { way.images(images, d_dst, packed_wei, d_src, scratch); }, way_);
}

void ConvBackwardData::batch(Executor& executor, std::int64_t images, const float* d_dst, const float* packed_wei,
                             float* d_src, Workspace workspace) const {
  std::visit([&](const auto& way) { way.batch(executor, images, d_dst, packed_wei, d_src, workspace); }, way_);
}

}  // namespace tilewise::simd
