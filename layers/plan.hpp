#pragma once

#include <cstdint>
#include <span>

#include "tilewise/layers/parameter.hpp"
#include "tilewise/layers/sequential.hpp"
#include "tilewise/layers/step.hpp"

namespace tilewise {

/// What a model may do to be faster; each can be switched off to see what it brings.
struct PlanOptions {
  /// Do not compute what no later layer reads. Activations and gradients are the same but for the last bits of
  /// filters' gradients, where an image's pixels are summed in several bands, and of convolutions by winograd, whose
  /// tiles at the edges are others, or which are done in the other way because of it.
  bool skip_unread = true;
  bool move_relu_behind_pooling = true;  ///< layers/rewrite.hpp
  bool fuse_pooling = true;              ///< layers/rewrite.hpp
  bool sparse_gradients = true;          ///< with fuse_pooling
  /// 3 x 3 convolutions and their gradients are done with fewer multiplications where that is faster
  /// (simd/conv_winograd.hpp): other last bits.
  bool winograd = true;
  /// Images go through a chunk's steps a few at a time, that fit in cache, not all through one step after
  /// the other. Changes no bit but the last ones of filters' gradients where winograd sums them.
  bool depth_first = true;
};

/// What steps are made for.
struct PlanContext {
  const simd::KernelTable& kernels;
  int threads;
  std::int64_t max_batch;
  std::uint64_t seed;               ///< of dropout
  std::span<Parameter> parameters;  ///< of all layers, in order; they outlive the steps
};

/// Appends what the layers of `network` append, each step named after its layer. Of `context`: src is what
/// is there of the network's input, layer_index is its first layer's, and parameters are those of all its
/// layers, in order. All of the output is made.
void append_network_steps(const Sequential& network, const StepContext& context, Steps& steps);

/// The steps that execute `network`: what its layers append, rewritten as `options` allow. Throws ShapeError
/// when a size overflows.
Steps make_plan(const Sequential& network, const PlanContext& context, const PlanOptions& options);

}  // namespace tilewise
