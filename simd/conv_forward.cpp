#include "tilewise/simd/conv_forward.hpp"

namespace tilewise::simd {
namespace {

std::variant<ConvDirect, ConvWinograd> choose(const KernelTable& kernels, const ConvShape& shape,
                                              ConvAlgorithm algorithm) {
  if (const auto size = ConvWinograd::choose(kernels, shape.checked(), algorithm)) {
    return ConvWinograd(kernels, shape, *size);
  }
  return ConvDirect(kernels, shape);
}

}  // namespace

ConvForward::ConvForward(const KernelTable& kernels, const ConvShape& shape, ConvAlgorithm algorithm)
    : way_(choose(kernels, shape, algorithm)) {}

std::string ConvForward::kernel() const {
  return std::visit([](const auto& way) { return way.kernel(); }, way_);
}

std::int64_t ConvForward::packed_floats() const {
  return std::visit([](const auto& way) { return way.packed_floats(); }, way_);
}

std::int64_t ConvForward::scratch_floats() const {
  return std::visit([](const auto& way) { return way.scratch_floats(); }, way_);
}

double ConvForward::multiply_adds() const {
  return std::visit([](const auto& way) { return way.multiply_adds(); }, way_);
}

void ConvForward::pack(const float* wei, float* packed) const {
  std::visit([&](const auto& way) { way.pack(wei, packed); }, way_);
}

void ConvForward::images(std::int64_t images, const float* src, const float* packed_wei, const float* bias,
                         float floor, float* dst, Workspace scratch) const {
  std::visit([&](const auto& way) { way.images(images, src, packed_wei, bias, floor, dst, scratch); }, way_);
}

void ConvForward::batch(Executor& executor, std::int64_t images, const float* src, const float* packed_wei,
                        const float* bias, float floor, float* dst, Workspace workspace) const {
  std::visit(
      [&](const auto& way) { way.batch(executor, images, src, packed_wei, bias, floor, dst, workspace); }, way_);
}

}  // namespace tilewise::simd
