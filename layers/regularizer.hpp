#pragma once

#include "tilewise/layers/parameter_set.hpp"

namespace tilewise {

/// A penalty on large weights, part of the loss that is reported and of its gradient:
///
///   loss += l2 * sum of w^2
///   gradient += 2 * l2 * w
///
/// As Keras's regularizers.L2 for every kernel_regularizer (and with ParameterSet::all for every bias
/// and so on too). PyTorch's weight_decay adds decay * w to the gradients of all parameters and nothing
/// to the loss: the same training as l2 = decay / 2 of ParameterSet::all. With Adam neither is the decay
/// of AdamW, which passes by the gradient's averages.
struct L2Regularizer {
  double l2 = 0;
  ParameterSet parameters = ParameterSet::kernels;
};

}  // namespace tilewise
