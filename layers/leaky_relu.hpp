#pragma once

#include "tilewise/layers/pointwise.hpp"

namespace tilewise {

struct LeakyReLUOptions {
  double negative_slope = 0.3;  ///< 0.2 where it is an activation, as in Keras
};

/// dst = src > 0 ? src : negative_slope * src, element by element. Meaning and default are those of Keras's
/// LeakyReLU. A. Maas, A. Hannun, A. Ng, "Rectifier nonlinearities improve neural network acoustic models",
/// ICML 2013.
class LeakyReLU final : public PointwiseLayer {
 public:
  /// Throws ArgumentError unless negative_slope is a number from 0 on.
  explicit LeakyReLU(const LeakyReLUOptions& options = {});

  const LeakyReLUOptions& options() const { return options_; }

  std::string_view type() const override { return "LeakyReLU"; }
  std::string_view name_stem() const override { return "leaky_re_lu"; }

 private:
  LeakyReLUOptions options_;
};

}  // namespace tilewise
