#include "tilewise/layers/initializer.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "tilewise/core/error.hpp"
#include "tilewise/core/normal_quantile.hpp"
#include "tilewise/layers/check_option.hpp"
#include "tilewise/layers/name_table.hpp"

namespace tilewise {
namespace {

using Kind = Initializer::Kind;

constexpr Named<Kind> kNames[] = {
    {"zeros", Kind::zeros},
    {"ones", Kind::ones},
    {"random_uniform", Kind::random_uniform},
    {"random_normal", Kind::random_normal},
    {"glorot_uniform", Kind::glorot_uniform},
    {"glorot_normal", Kind::glorot_normal},
    {"he_uniform", Kind::he_uniform},
    {"he_normal", Kind::he_normal},
    {"lecun_uniform", Kind::lecun_uniform},
    {"lecun_normal", Kind::lecun_normal},
};

struct Fans {
  double in, out;
};

Fans fans_of(const Shape& shape) {
  const int rank = shape.rank();
  const auto size = static_cast<double>(shape.elements());
  if (rank < 2) return {size, size};
  const auto in = static_cast<double>(shape[rank - 2]), out = static_cast<double>(shape[rank - 1]);
  return {size / out, size / in};
}

/// Of the initializers that go by fans.
double variance_of(Kind kind, const Fans& fans) {
  switch (kind) {
    case Kind::he_uniform:
    case Kind::he_normal: return 2 / fans.in;
    case Kind::lecun_uniform:
    case Kind::lecun_normal: return 1 / fans.in;
    default: return 2 / (fans.in + fans.out);
  }
}

void fill_uniform(double center, double half_width, const RandomStream& stream,
                  std::span<float> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(center + half_width * (2.0 * stream.uniform(i) - 1.0));
  }
}

/// Number i of the stream, uniform in (0, 1).
double between_zero_and_one(const RandomStream& stream, std::size_t i) {
  return (stream.bits(i) + 0.5) * 0x1p-32;
}

void fill_normal(double mean, double stddev, const RandomStream& stream, std::span<float> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double p = between_zero_and_one(stream, i);
    values[i] = static_cast<float>(mean + stddev * normal_quantile(p));
  }
}

void fill_truncated_normal(double variance, const RandomStream& stream, std::span<float> values) {
  // What is left of a standard deviation of 1 when values beyond two are drawn again.
  constexpr double kTruncated = 0.87962566103423978;
  const double stddev = std::sqrt(variance) / kTruncated;
  const double below = normal_distribution(-2), inside = 1 - 2 * below;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double p = below + inside * between_zero_and_one(stream, i);
    values[i] = static_cast<float>(stddev * normal_quantile(p));
  }
}

}  // namespace

Initializer Initializer::uniform(double minval, double maxval) {
  if (!(std::isfinite(minval) && std::isfinite(maxval) && minval <= maxval)) {
    throw ArgumentError("random_uniform: minval " + shortest_text(minval) + " and maxval " +
                        shortest_text(maxval) + " are not an interval");
  }
  Initializer result(random_uniform);
  result.minval = minval;
  result.maxval = maxval;
  return result;
}

Initializer Initializer::normal(double mean, double stddev) {
  if (!(std::isfinite(mean) && std::isfinite(stddev) && stddev >= 0)) {
    throw ArgumentError("random_normal: mean " + shortest_text(mean) + " and stddev " +
                        shortest_text(stddev) + " are not those of a distribution");
  }
  Initializer result(random_normal);
  result.mean = mean;
  result.stddev = stddev;
  return result;
}

std::string_view initializer_name(Initializer::Kind kind) { return name_of<Kind>(kind, kNames); }

Initializer parse_initializer(std::string_view name) {
  return value_of<Kind>(name, "initializer", kNames);
}

void initialize(const Initializer& initializer, const Shape& shape, const RandomStream& stream,
                std::span<float> values) {
  const double variance = variance_of(initializer.kind, fans_of(shape));
  switch (initializer.kind) {
    case Kind::zeros: std::fill(values.begin(), values.end(), 0.0F); break;
    case Kind::ones: std::fill(values.begin(), values.end(), 1.0F); break;
    case Kind::random_uniform:
      fill_uniform((initializer.minval + initializer.maxval) / 2,
                   (initializer.maxval - initializer.minval) / 2, stream, values);
      break;
    case Kind::random_normal:
      fill_normal(initializer.mean, initializer.stddev, stream, values);
      break;
    case Kind::glorot_uniform:
    case Kind::he_uniform:
    case Kind::lecun_uniform: fill_uniform(0, std::sqrt(3 * variance), stream, values); break;
    case Kind::glorot_normal:
    case Kind::he_normal:
    case Kind::lecun_normal: fill_truncated_normal(variance, stream, values); break;
  }
}

}  // namespace tilewise
