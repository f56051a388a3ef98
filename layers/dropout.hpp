#pragma once

#include "tilewise/layers/layer.hpp"

namespace tilewise {

/// Inverted dropout (N. Srivastava et al., JMLR 15, 2014, section 10): while training, each value is
/// zeroed with probability `rate` and the others are scaled by 1 / (1 - rate); otherwise nothing
/// changes. Which values are dropped depends on the model's seed, the layer's place, the training
/// step and the value's place in the batch, and on nothing else.
class Dropout final : public Layer {
 public:
  /// Throws ArgumentError unless 0 <= rate < 1.
  explicit Dropout(double rate);

  double rate() const { return rate_; }

  std::string_view type() const override { return "Dropout"; }
  std::string_view name_stem() const override { return "dropout"; }
  Shape output_shape(const Shape& input) const override { return input; }
  void append_steps(const StepContext& context, Steps& steps) const override;

 private:
  double rate_;
};

}  // namespace tilewise
