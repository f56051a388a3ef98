#pragma once

#include "tilewise/layers/adam.hpp"

namespace tilewise {

struct AdamWOptions {
  double learning_rate = 0.001;
  double weight_decay = 0.004;  ///< Keras's default; PyTorch's is 0.01
  double beta_1 = 0.9;
  double beta_2 = 0.999;
  double epsilon = 1e-7;
  ParameterSet decayed = ParameterSet::all;  ///< as in Keras unless variables are excluded
  Clipping clipping = {};
};

/// Adam with weight decay that does not go through the gradient, and so is not divided by sqrt(v). At
/// each step
///
///   w = w - learning_rate * weight_decay * w - Adam's step
///
/// I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", arXiv:1711.05101, algorithm 2, but
/// that the decay goes with the whole learning rate, as in Keras and PyTorch, not with its schedule's
/// multiplier alone.
class AdamW final : public Adam {
 public:
  /// Throws ArgumentError as Adam() does.
  explicit AdamW(const AdamWOptions& options = {})
      : Adam({.learning_rate = options.learning_rate,
              .beta_1 = options.beta_1,
              .beta_2 = options.beta_2,
              .epsilon = options.epsilon,
              .weight_decay = options.weight_decay,
              .decayed = options.decayed,
              .clipping = options.clipping}) {}
};

}  // namespace tilewise
