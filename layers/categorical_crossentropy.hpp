#pragma once

#include <cstdint>
#include <span>

#include "tilewise/core/parallel.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise {

/// Softmax and categorical cross-entropy in one, from integer labels (Keras's
/// SparseCategoricalCrossentropy(from_logits=True)), averaged over the batch:
///
///   loss = 1 / rows * sum over rows of (log sum over j of exp(logit(j)) - logit(label))
///   d_logits = (softmax(logits) - onehot(label)) / rows
class CategoricalCrossentropy {
 public:
  /// Each row's loss and the gradient of their mean. `logits` and `d_logits` are (rows, classes),
  /// labels in [0, classes).
  static void evaluate(const simd::KernelTable& kernels, Executor& executor, std::int64_t classes,
                       const float* logits, std::span<const std::int32_t> labels, float* losses,
                       float* d_logits);
};

}  // namespace tilewise
