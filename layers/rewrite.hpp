#pragma once

#include "tilewise/layers/step.hpp"

namespace tilewise {

// Rewrites of the steps that layers append, one by one, into fewer or faster ones that compute the same.

/// ReLU between a convolution and its max-pooling moves behind the pooling: so many fewer values, and
/// what the convolution wrote need not be kept. Changes no bit.
void move_relu_behind_pooling(Steps& steps);

/// A convolution and its max-pooling become one step, unless there is a ReLU in between. `sparse`:
/// back-propagation looks only at the pixels that pooling picked, where that is faster; gradients are then
/// summed in another order and differ in the last bits, as they do where Winograd's filtering would sum those of
/// several images.
void fuse_pooling(const simd::KernelTable& kernels, std::int64_t max_batch, bool sparse, Steps& steps);

}  // namespace tilewise
