#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tilewise/core/workspace.hpp"
#include "tilewise/simd/conv_forward.hpp"
#include "tilewise/simd/conv_pool_short.hpp"

namespace tilewise::simd {

/// Convolution (conv_shape.hpp), bias, max-pooling and, if asked, ReLU of one image, prepared for one shape;
/// immutable. Done by ConvPoolShort where that is possible, otherwise one after the other, with the
/// convolution's output in scratch memory. The bits are the same either way.
class ConvPoolForward {
 public:
  /// `pool` takes the convolution's output, (oh, ow, oc). Throws ShapeError as checked_pool_of() does.
  ConvPoolForward(const KernelTable& kernels, const ConvShape& conv, const PoolGeometry& pool,
                  ConvAlgorithm algorithm = ConvAlgorithm::automatic);

  /// In one pass; null if in two.
  const ConvPoolShort* one_pass() const { return short_ ? &*short_ : nullptr; }
  std::string kernel() const;  ///< in a few words

  std::int64_t packed_floats() const;
  std::int64_t scratch_floats() const;
  double multiply_adds() const;  ///< of an image, as ConvForward's; in one pass those of windows alone

  /// Packs the filters (kh, kw, ic, oc) as image() wants them.
  void pack(const float* wei, float* packed) const;

  /// dst = largest value of each window, no less than 0 with relu; argmax as max_pool_forward has it. bias is not null.
  void image(const float* src, const float* packed_wei, const float* bias, bool relu, float* dst,
             PoolPlace* argmax, Workspace scratch) const;

 private:
  const KernelTable& kernels_;
  ConvShape conv_;
  PoolGeometry pool_;
  // One of the two.
  std::optional<ConvPoolShort> short_;
  std::optional<ConvForward> forward_;
};

}  // namespace tilewise::simd
