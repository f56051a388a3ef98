#pragma once

#include <optional>

namespace tilewise {

/// How gradients are kept small, regularizers' share included; at most one limit, positive. With |g| for
/// the root of the sum of squares:
struct Clipping {
  std::optional<double> value = {};        ///< Keras's clipvalue: each element into [-value, value]
  std::optional<double> norm = {};         ///< clipnorm: each parameter's g *= norm / max(norm, |g|)
  std::optional<double> global_norm = {};  ///< global_clipnorm: the same of all gradients as one vector

  bool needs_norm() const { return norm.has_value() || global_norm.has_value(); }
};

}  // namespace tilewise
