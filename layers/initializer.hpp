#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "tilewise/core/random.hpp"
#include "tilewise/core/shape.hpp"

namespace tilewise {

/// How a parameter starts out. Meaning, names and defaults are those of Keras's initializers.
///
/// The fans of a filter (kh, kw, ic, oc) are kh kw ic and kh kw oc, of dense weights (in, out) in and out, of
/// a vector both its size. Six kinds go by them:
///
///   glorot_uniform, glorot_normal   variance 2 / (fan_in + fan_out)
///   he_uniform, he_normal           variance 2 / fan_in
///   lecun_uniform, lecun_normal     variance 1 / fan_in
///
/// The uniform ones lie in [-limit, limit), limit = sqrt(3 variance). The normal ones are cut off at two
/// standard deviations of a distribution that is wider, by 1 / 0.8796, so that the variance after that is the
/// one stated.
///
/// X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS
/// 2010, equation 16; K. He et al., arXiv:1502.01852, equation 10; Y. LeCun et al., "Efficient BackProp", 1998,
/// section 4.6.
struct Initializer {
  enum Kind : std::uint8_t {
    zeros,
    ones,
    random_uniform,  ///< from minval to maxval
    random_normal,   ///< not cut off
    glorot_uniform,
    glorot_normal,
    he_uniform,
    he_normal,
    lecun_uniform,
    lecun_normal,
  };

  constexpr Initializer(Kind of_kind = zeros) : kind(of_kind) {}  // NOLINT: implicit

  /// random_uniform and random_normal with other limits than Keras's. Throw ArgumentError unless
  /// minval <= maxval and stddev >= 0, all of them finite.
  static Initializer uniform(double minval, double maxval);
  static Initializer normal(double mean, double stddev);

  friend bool operator==(const Initializer&, const Initializer&) = default;

  Kind kind;
  // Of random_uniform:
  double minval = -0.05;
  double maxval = 0.05;
  // Of random_normal:
  double mean = 0;
  double stddev = 0.05;
};

/// Keras's name: "zeros", "glorot_uniform", ...
std::string_view initializer_name(Initializer::Kind kind);

/// The initializer of that name, with Keras's limits. Throws ArgumentError for any other name.
Initializer parse_initializer(std::string_view name);

/// Fills `values`, a parameter of shape `shape`, from `stream`: element i is a function of the stream's
/// number i alone. Normal kinds put that through the inverse of the distribution function, cut off or not, so
/// that no number has to be drawn again.
void initialize(const Initializer& initializer, const Shape& shape, const RandomStream& stream,
                std::span<float> values);

}  // namespace tilewise
