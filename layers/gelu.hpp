#pragma once

#include "tilewise/layers/pointwise.hpp"

namespace tilewise {

struct GELUOptions {
  bool approximate = false;  ///< by tanh instead
};

/// dst = src * Phi(src), element by element, where Phi is the distribution function of the standard normal
/// distribution; approximate: src / 2 * (1 + tanh(sqrt(2 / pi) * (src + 0.044715 * src^3))). Meaning and
/// default are those of Keras's activation "gelu" and its `approximate`. NaN at -infinity, as there.
/// D. Hendrycks, K. Gimpel, arXiv:1606.08415, section 2.
class GELU final : public PointwiseLayer {
 public:
  explicit GELU(const GELUOptions& options = {})
      : PointwiseLayer({.function = options.approximate ? simd::Pointwise::gelu_tanh
                                                        : simd::Pointwise::gelu}),
        options_(options) {}

  const GELUOptions& options() const { return options_; }

  std::string_view type() const override { return "GELU"; }
  std::string_view name_stem() const override { return "gelu"; }

 private:
  GELUOptions options_;
};

}  // namespace tilewise
