#include "tilewise/simd/conv_backward_weights.hpp"

namespace tilewise::simd {
namespace {

std::variant<ConvDirectWeights, WinogradWeights> choose(const KernelTable& kernels, const ConvShape& shape,
                                                        ConvAlgorithm algorithm) {
  // Of so few channels the transforms of d_dst, which all of them share, cost more than the count expects.
  if (ConvDirectWeights::is_short(shape.checked())) return ConvDirectWeights(kernels, shape);
  if (const auto size = WinogradWeights::choose(kernels, shape, algorithm)) {
    return WinogradWeights(kernels, shape, *size);
  }
  return ConvDirectWeights(kernels, shape);
}

}  // namespace

ConvBackwardWeights::ConvBackwardWeights(const KernelTable& kernels, const ConvShape& shape,
                                         ConvAlgorithm algorithm)
    : way_(choose(kernels, shape, algorithm)) {}

std::string ConvBackwardWeights::kernel() const {
  return std::visit([](const auto& way) { return way.kernel(); }, way_);
}

std::int64_t ConvBackwardWeights::scratch_floats() const {
  return std::visit([](const auto& way) { return way.scratch_floats(); }, way_);
}

double ConvBackwardWeights::multiply_adds() const {
  return std::visit([](const auto& way) { return way.multiply_adds(); }, way_);
}

void ConvBackwardWeights::images(std::int64_t images, const float* src, const float* d_dst, float* d_wei,
                                 Workspace scratch) const {
  std::visit([&](const auto& way) { way.images(images, src, d_dst, d_wei, scratch); }, way_);
}

std::int64_t ConvBackwardWeights::workspace_floats(std::int64_t images, int threads) const {
  return std::visit([&](const auto& way) { return way.workspace_floats(images, threads); }, way_);
}

void ConvBackwardWeights::batch(Executor& executor, std::int64_t images, const float* src, const float* d_dst,
                                float* d_wei, Workspace workspace) const {
  std::visit([&](const auto& way) { way.batch(executor, images, src, d_dst, d_wei, workspace); }, way_);
}

}  // namespace tilewise::simd
