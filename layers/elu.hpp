#pragma once

#include "tilewise/layers/pointwise.hpp"

namespace tilewise {

struct ELUOptions {
  double alpha = 1;
};

/// dst = src > 0 ? src : alpha * (exp(src) - 1), element by element. Meaning and default are those of Keras's
/// ELU, which also takes an alpha below zero. D. Clevert, T. Unterthiner, S. Hochreiter, arXiv:1511.07289,
/// equation 15.
class ELU final : public PointwiseLayer {
 public:
  /// Throws ArgumentError unless alpha is a number from 0 on.
  explicit ELU(const ELUOptions& options = {});

  const ELUOptions& options() const { return options_; }

  std::string_view type() const override { return "ELU"; }
  std::string_view name_stem() const override { return "elu"; }

 private:
  ELUOptions options_;
};

}  // namespace tilewise
