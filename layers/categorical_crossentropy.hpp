#pragma once

#include "tilewise/layers/loss.hpp"

namespace tilewise {

struct CategoricalCrossentropyOptions {
  double label_smoothing = 0;
};

/// Softmax and categorical cross-entropy in one, averaged over the batch. With y = onehot(label), or a
/// row of targets, and s = label_smoothing:
///
///   y' = (1 - s) y + s / classes
///   loss = sum over classes of y' * (log sum over j of exp(logit(j)) - logit)
///   d_logits = (sum of y') * softmax(logits) - y', over the number of rows
///
/// Keras's SparseCategoricalCrossentropy and CategoricalCrossentropy, with from_logits=True or after a
/// softmax.
class CategoricalCrossentropy final : public Loss {
 public:
  /// Throws ArgumentError unless 0 <= label_smoothing <= 1.
  explicit CategoricalCrossentropy(const CategoricalCrossentropyOptions& options = {});

  const CategoricalCrossentropyOptions& options() const { return options_; }

  std::string_view name() const override { return "categorical_crossentropy"; }
  bool takes_logits() const override { return true; }
  std::string_view kernel() const override { return "softmax_cross_entropy"; }

 private:
  double nanoseconds_per_output() const override { return 3; }  // mostly the exponential
  void evaluate_rows(const simd::KernelTable& kernels, const simd::LossArgs& args) const override;

  CategoricalCrossentropyOptions options_;
};

}  // namespace tilewise
