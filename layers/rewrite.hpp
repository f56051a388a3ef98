#pragma once

#include "tilewise/layers/step.hpp"

namespace tilewise {

// Rewrites of the steps that layers append, one by one, into fewer or faster ones that compute the same.

/// ReLU between a convolution and its max-pooling moves behind the pooling: so many fewer values, and
/// what the convolution wrote need not be kept. Changes no bit.
void move_relu_behind_pooling(Steps& steps);

/// A convolution and its max-pooling become one step, where its backward pass is faster. Gradients differ
/// in the last bits: they are summed in another order.
void fuse_pooling(const simd::KernelTable& kernels, std::int64_t max_batch, Steps& steps);

}  // namespace tilewise
