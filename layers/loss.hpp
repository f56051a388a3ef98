#pragma once

#include <string_view>

#include "tilewise/core/parallel.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise {

/// What training makes small: a function of a network's output for one image and of what it should be,
/// averaged over the batch. Has no state.
class Loss {
 public:
  virtual ~Loss() = default;

  /// Keras's: "categorical_crossentropy".
  virtual std::string_view name() const = 0;

  /// Whether the loss takes the place of a softmax at the network's end: it is given logits then.
  virtual bool takes_logits() const { return false; }

  /// Each row's loss and the gradient of their mean; `args` has everything but gradient_scale and
  /// smoothing.
  void evaluate(const simd::KernelTable& kernels, Executor& executor, const simd::LossArgs& args) const;

  /// The kernel that does it: what profiles show.
  virtual std::string_view kernel() const = 0;

 private:
  virtual double nanoseconds_per_output() const = 0;
  virtual void evaluate_rows(const simd::KernelTable& kernels, const simd::LossArgs& args) const = 0;
};

}  // namespace tilewise
