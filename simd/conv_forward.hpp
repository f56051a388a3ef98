#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "tilewise/core/parallel.hpp"
#include "tilewise/core/workspace.hpp"
#include "tilewise/simd/conv_algorithm.hpp"
#include "tilewise/simd/conv_direct.hpp"
#include "tilewise/simd/conv_shape.hpp"
#include "tilewise/simd/conv_winograd.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {

/// Forward convolution (conv_shape.hpp), prepared for one shape. Immutable: any number of threads may
/// run images through it at once. An image's result does not depend on those beside it.
class ConvForward {
 public:
  /// Throws ShapeError when `shape` is not a convolution.
  ConvForward(const KernelTable& kernels, const ConvShape& shape,
              ConvAlgorithm algorithm = ConvAlgorithm::automatic);

  std::string kernel() const;           ///< of the way that is taken: "tile 6x2", "winograd 4x4"
  std::int64_t packed_floats() const;   ///< of the packed filters
  std::int64_t scratch_floats() const;  ///< of each thread's workspace
  double multiply_adds() const;         ///< of an image, padding counted; by Winograd's filtering those that are left

  /// Packs the filters (kh, kw, ic, oc) as images() and batch() want them.
  void pack(const float* wei, float* packed) const;

  /// dst = max(floor, convolution + bias) for `images` images, one after the other in memory, perhaps
  /// none. A floor of 0 is ReLU, of -infinity nothing. bias is oc floats, zeros where there is none.
  void images(std::int64_t images, const float* src, const float* packed_wei, const float* bias,
              float floor, float* dst, Workspace scratch) const;

  /// The same on all threads; the workspace holds scratch_floats() for each.
  void batch(Executor& executor, std::int64_t images, const float* src, const float* packed_wei,
             const float* bias, float floor, float* dst, Workspace workspace) const;

 private:
  std::variant<ConvDirect, ConvWinograd> way_;
};

}  // namespace tilewise::simd
