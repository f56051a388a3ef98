#pragma once

#include <cstdint>
#include <span>

#include "tilewise/core/random.hpp"
#include "tilewise/core/shape.hpp"

namespace tilewise {

/// How a parameter starts out.
enum class Initializer : std::uint8_t {
  zeros,
  ones,
  /// Uniform in [-limit, limit), limit = sqrt(6 / (fan_in + fan_out)).
  /// X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural
  /// networks", AISTATS 2010, equation 16. For filters (kh, kw, ic, oc) the fans are kh kw ic and
  /// kh kw oc, as in Keras; for dense weights (in, out) they are in and out.
  glorot_uniform,
};

/// Fills `values`, a parameter of shape `shape`, from `stream`.
void initialize(Initializer initializer, const Shape& shape, const RandomStream& stream,
                std::span<float> values);

}  // namespace tilewise
