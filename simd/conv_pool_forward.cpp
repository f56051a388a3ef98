#include "tilewise/simd/conv_pool_forward.hpp"

namespace tilewise::simd {
namespace {

/// One image at a time. If that is fewer tiles of 4 x 4 than the tallest tile of the micro-kernel has rows, L2 does not
/// deliver 36 positions of filters as fast as vectors of up to eight floats multiply them.
ConvAlgorithm for_single_images(const KernelTable& kernels, const ConvShape& conv, ConvAlgorithm algorithm) {
  const bool few = has_winograd_tiles(conv) && WinogradTiles(conv, WinogradSize::four).count(1) < kMaxTileRows;
  const bool loses = few && !has_wide_vectors(winograd_kernels(kernels, conv)) && algorithm == ConvAlgorithm::automatic;
  return loses ? ConvAlgorithm::winograd_2x2 : algorithm;
}

}  // namespace

ConvPoolForward::ConvPoolForward(const KernelTable& kernels, const ConvShape& conv,
                                 const PoolGeometry& pool, ConvAlgorithm algorithm)
    : kernels_(kernels), conv_(conv.checked()), pool_(checked_pool_of(conv, pool)) {
  if (ConvPoolShort::possible(conv, pool)) {
    short_.emplace(kernels, conv, pool);
  } else {
    forward_.emplace(kernels, conv, for_single_images(kernels, conv, algorithm));
  }
}

std::string ConvPoolForward::kernel() const {
  return short_ ? "conv_pool " + short_->tile().to_string()
                : forward_->kernel() + ", max_pool";
}

std::int64_t ConvPoolForward::packed_floats() const {
  return short_ ? short_->packed_floats() : forward_->packed_floats();
}

std::int64_t ConvPoolForward::scratch_floats() const {
  return short_ ? short_->scratch_floats()
                : round_up_to_line(conv_.dst_size()) + round_up_to_line(forward_->scratch_floats());
}

// In one pass only of what windows see.
double ConvPoolForward::multiply_adds() const {
  return short_ ? 4 * static_cast<double>(pool_.oh * pool_.ow * conv_.wei_size()) : forward_->multiply_adds();
}

void ConvPoolForward::pack(const float* wei, float* packed) const {
  short_ ? short_->pack(wei, packed) : forward_->pack(wei, packed);
}

void ConvPoolForward::image(const float* src, const float* packed_wei, const float* bias, bool relu,
                            float* dst, PoolPlace* argmax, Workspace scratch) const {
  if (short_) {
    short_->forward(src, packed_wei, bias, relu ? 0 : kNoFloor, dst, argmax, scratch);
    return;
  }
  float* const convolved = scratch.take(conv_.dst_size());
  forward_->images(1, src, packed_wei, bias, kNoFloor, convolved, scratch);
  kernels_.max_pool_forward(pool_, convolved, dst, argmax);
  if (relu) kernels_.relu_forward(pool_.oh * pool_.ow * pool_.channels, dst, dst);
}

}  // namespace tilewise::simd
